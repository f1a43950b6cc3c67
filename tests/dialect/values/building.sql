-- jsonb out of values; read as text, since the order of keys shows there
CREATE TABLE s (id INT, t VARCHAR, i INT, b BIGINT, d DOUBLE PRECISION, n NUMERIC, ok BOOLEAN, ts TIMESTAMPTZ, day DATE, a INT[]);
INSERT INTO s VALUES
  (1, 'x "y" \', 3, 9007199254740993, 1.5, 2.0, true, '2024-03-05 23:04:05.123456+00:00', '2024-03-05', ARRAY[1, NULL]),
  (2, '', -2, 0, 100, 0.25, false, '2024-12-31 12:00:00+00:00', '1999-01-01', ARRAY[]::INT[]),
  (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
  (4, 'é', 0, -1, 'NaN', -7.125, true, '2024-07-01 00:59:59.5+00:00', '2024-02-29', ARRAY[7]);

-- query: jsonb_build_object sorts its keys
SELECT id, jsonb_build_object('o', jsonb_build_object('b', i, 'a', t, 'c', ok, 'aa', ts)) ->> 'o' AS x1 FROM s;

-- query: numbers in jsonb_build_object
SELECT id, jsonb_build_object('o', jsonb_build_object('b', b, 'd', d, 'n', n)) ->> 'o' AS x1 FROM s;

-- query: jsonb_build_array of dates, arrays and nulls
SELECT id, jsonb_build_object('o', jsonb_build_array(day, a, NULL, i > 0)) ->> 'o' AS x1 FROM s;

-- query: to_jsonb of each type
SELECT id, jsonb_build_array(to_jsonb(t), to_jsonb(a), to_jsonb(day)) -> 0 ->> 0 AS x1, jsonb_typeof(to_jsonb(i)) AS x2,
  jsonb_typeof(to_jsonb(ok)) AS x3, jsonb_typeof(to_jsonb(a)) AS x4 FROM s;

-- query: jsonb_agg in order, FILTER that leaves nothing
SELECT jsonb_build_object('o', jsonb_agg(i ORDER BY id)) ->> 'o' AS x1, jsonb_build_object('o', jsonb_agg(t ORDER BY id DESC)) ->> 'o' AS x2,
  jsonb_build_object('o', jsonb_agg(i ORDER BY id) FILTER (WHERE i > 100)) ->> 'o' AS x3 FROM s;

-- query: first_value and last_value in order as aggregates
SELECT first_value(i ORDER BY id DESC) AS x1, last_value(i ORDER BY id) AS x2, first_value(t ORDER BY id) AS x3, last_value(i ORDER BY b) AS x4 FROM s;
