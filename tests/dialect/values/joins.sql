-- joins by nearness, by name, by row, and functions in FROM
CREATE TABLE l (id INT, k VARCHAR, ts TIMESTAMPTZ, v INT);
CREATE TABLE r (id INT PRIMARY KEY, k VARCHAR, ts TIMESTAMPTZ, w INT);
CREATE TABLE n (k VARCHAR, v INT, z INT);
INSERT INTO l VALUES
  (1, 'a', '2024-01-01 00:10:00+00:00', 1),
  (2, 'a', '2024-01-01 01:00:00+00:00', 2),
  (3, 'b', '2024-01-01 01:00:00+00:00', 3),
  (4, 'b', '2024-01-01 05:00:00+00:00', NULL),
  (5, NULL, '2024-01-01 05:00:00+00:00', 5),
  (6, 'c', NULL, 6),
  (7, 'a', '2023-12-31 00:00:00+00:00', 7);
INSERT INTO r VALUES
  (30, 'a', '2024-01-01 00:00:00+00:00', 10),
  (20, 'a', '2024-01-01 01:00:00+00:00', 11),
  (10, 'a', '2024-01-01 01:00:00+00:00', 12),
  (40, 'b', '2024-01-01 02:00:00+00:00', 13),
  (50, 'b', '2024-01-01 01:00:00+00:00', 14),
  (60, NULL, '2024-01-01 01:00:00+00:00', 15),
  (70, 'c', '2024-01-01 01:00:00+00:00', 16),
  (80, 'b', NULL, 17);
INSERT INTO n VALUES ('a', 1, 100), ('a', 2, 200), ('b', NULL, 300), (NULL, 5, 400), ('a', 1, 500);

-- query: ASOF join, the last before or at; of several the one with the smallest key
SELECT l.id, r.id AS other, r.w FROM l ASOF JOIN r ON l.k = r.k AND l.ts >= r.ts;

-- query: ASOF LEFT JOIN, the last before
SELECT l.id, r.id AS other, r.w FROM l ASOF LEFT JOIN r ON l.k = r.k AND l.ts > r.ts;

-- query: ASOF LEFT JOIN, the next after or at
SELECT l.id, r.id AS other FROM l ASOF LEFT JOIN r ON l.k = r.k AND l.ts <= r.ts;

-- query: ASOF join of a number
SELECT l.id, r.id AS other FROM l ASOF LEFT JOIN r ON l.k = r.k AND l.v < r.w;

-- query: NATURAL JOIN
SELECT l.id, n.z FROM l NATURAL JOIN n;

-- query: NATURAL LEFT JOIN
SELECT l.id, n.z FROM l NATURAL LEFT JOIN n;

-- query: USING
SELECT id, z FROM l JOIN n USING (k, v);

-- query: the column of USING from both sides of a full join
SELECT k, l.id, n.z FROM l FULL JOIN n USING (k);

-- query: LATERAL, the newest of each
SELECT l.id, o.id AS other, o.w FROM l LEFT JOIN LATERAL (SELECT id, w FROM r WHERE r.k = l.k ORDER BY r.w DESC LIMIT 1) AS o ON true;

-- query: LATERAL, all of each
SELECT l.id, o.w FROM l, LATERAL (SELECT w FROM r WHERE r.k = l.k AND r.ts <= l.ts) AS o;

-- query: generate_series of numbers
SELECT g FROM generate_series(1, 7, 3) AS a(g);

-- query: generate_series of times
SELECT h FROM generate_series('2024-01-01'::timestamp, '2024-01-02'::timestamp, INTERVAL '9 hours') AS b(h);

-- query: generate_series by months from the end of one
SELECT g FROM generate_series('2024-01-31'::timestamp, '2024-06-30'::timestamp, INTERVAL '1 month') AS a(g);

-- query: generate_series backwards, and range, which leaves its end out
SELECT g FROM generate_series(5, 1, -2) AS a(g) UNION ALL SELECT h FROM range(1, 4) AS b(h);

-- query: unnest with its number
SELECT e, i FROM unnest(ARRAY['p', NULL, 'q']) WITH ORDINALITY AS u(e, i);

-- query: generate_series in a SELECT
SELECT id, generate_series(1, v) AS g FROM l WHERE v < 4;

-- query: VALUES with names and without
SELECT a, b FROM (VALUES (1, 'x'), (NULL, 'y')) AS v(a, b) UNION ALL SELECT * FROM (VALUES (11, 'z'), (2, NULL)) AS w;

-- query: IS NOT DISTINCT FROM as a join's condition
SELECT l.id, n.z FROM l JOIN n ON (l.k IS NOT DISTINCT FROM n.k) AND (l.v IS NOT DISTINCT FROM n.v);
