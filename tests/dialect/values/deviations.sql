-- What is known to differ, and how: the answers of both engines are recorded, so that this list stays true.
CREATE TABLE s (id INT, t VARCHAR);
INSERT INTO s VALUES
  (1, '2024-1-1 0:0:0Z'),
  (2, '2024-01-01 00:00:00 UTC'),
  (3, '2024-01-01T00:00:60Z'),
  (4, '20240101'),
  (5, '2024-01-01 00'),
  (6, '2024-01-01T00:00:00+24:00'),
  (7, 'NaN'),
  (8, 'Infinity'),
  (9, '0.00000000001'),
  (10, '{"a":-0}'),
  (11, '{"a":{"y":1,"x":2,"y":3}}'),
  (12, '{"a":10000000000000000000000}');

-- query: spellings of a time that are not ISO 8601 are NULL here
SELECT id, t::timestamptz AS x FROM s WHERE id <= 6;

-- query: a numeric is no NaN and no infinity here, and keeps 10 decimal places
SELECT id, t::numeric AS x FROM s WHERE id BETWEEN 7 AND 9;

-- query: -0 in JSON is 0 here
SELECT id, t::jsonb ->> 'a' AS x FROM s WHERE id = 10;

-- query: the text of a JSON object keeps the order of its keys and the keys that occur twice
SELECT id, t::jsonb ->> 'a' AS x FROM s WHERE id = 11;

-- query: a whole number of JSON beyond 64 bits keeps its digits as text
SELECT id, t::jsonb ->> 'a' AS x FROM s WHERE id = 12;

-- query: the mean of infinities as numeric is NaN here
SELECT avg(t::double precision::numeric)::double precision AS x FROM s WHERE id = 8;

-- query: sums and means of real are reckoned in double precision here
SELECT sum(f) AS x1, avg(f) AS x2 FROM (SELECT (CASE WHEN id = 1 THEN 16777216 ELSE 1 END)::real AS f FROM s WHERE id < 3) AS r;

-- query: where every value of a frame has left it, sum is NULL here, 0 there
SELECT id, sum(v) OVER (PARTITION BY p ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS x
FROM (SELECT id, 1 AS p, CASE WHEN id < 3 THEN id END AS v FROM s WHERE id < 6) AS f;

-- query: where every value of a frame has left it, avg is NULL here, NaN there
SELECT id, avg(v) OVER (PARTITION BY p ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS x
FROM (SELECT id, 1 AS p, CASE WHEN id < 3 THEN id * 0.5::double precision END AS v FROM s WHERE id < 6) AS f;

-- query: where every value of a frame has left it, bool_and and bool_or are NULL here, true and false there
SELECT id, bool_and(v) OVER (PARTITION BY p ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS x,
  bool_or(v) OVER (PARTITION BY p ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS y
FROM (SELECT id, 1 AS p, CASE WHEN id < 3 THEN id = 1 END AS v FROM s WHERE id < 6) AS f;
