-- jsonb by operators: paths, keys, what is joined and taken out; date_bin, patterns, arrays under a function
CREATE TABLE t (id INT, j JSONB, s VARCHAR, a INT[], ts TIMESTAMPTZ);
INSERT INTO t VALUES
  (1, '{"b": {"c": [1, null, {"d": "x"}]}, "a": 1, "n": null}', '{"x": 1}', ARRAY[3, 1, NULL, 3], '2024-02-11 15:44:17.5Z'),
  (2, '["b", 1, ["c"], "a"]', '[1, 2', ARRAY[]::INT[], '1999-12-31 23:59:59Z'),
  (3, '"b"', '"text"', ARRAY[7], '2001-01-01 00:02:30Z'),
  (4, NULL, NULL, NULL, NULL),
  (5, 'null', 'null', ARRAY[1, 2, 3], '2000-01-01 12:00:00Z'),
  (6, '{"1": {"0": "y"}, "b": 2, "b": 3}', '12', ARRAY[5, 5, 5], '2024-02-29 00:00:00Z');

-- query: paths
SELECT id, j #>> '{b,c,0}' AS x1, jsonb_typeof(j #> '{b,c,1}') AS x2, j #>> '{b,c,-1,d}' AS x3, j #>> '{1,0}' AS x4, j #>> ARRAY['b'] AS x5,
  jsonb_extract_path_text(j, '2', '0') AS x6, jsonb_typeof(jsonb_extract_path(j, 'n')) AS x7, jsonb_array_element(j, 1)::int AS x8 FROM t WHERE id <> 1
UNION ALL SELECT id, j #>> '{b,c,0}', jsonb_typeof(j #> '{b,c,1}'), j #>> '{b,c,-1,d}', j #>> '{1,0}', NULL, NULL, jsonb_typeof(jsonb_extract_path(j, 'n')), NULL FROM t WHERE id = 1;

-- query: keys
SELECT id, j ? 'b' AS x1, j ? 'n' AS x2, j ?| ARRAY['x', 'a'] AS x3, j ?& ARRAY['a', 'b'] AS x4, j ?& ARRAY['a', NULL] AS x5, j ? s AS x6 FROM t;

-- query: joined
SELECT id, jsonb_build_object('o', (j - 'b') || '{"a": {"y": 2}, "z": [1]}') ->> 'o' AS x1 FROM t WHERE id IN (1, 2, 6);

-- query: scalars are joined as arrays
SELECT id, jsonb_build_object('o', j || '[2]') ->> 'o' AS x1, jsonb_build_object('o', '1' || j) ->> 'o' AS x2 FROM t WHERE id IN (2, 3, 4, 5);

-- query: taken out by key and by place
SELECT id, jsonb_build_object('o', j - 'b') ->> 'o' AS x1, jsonb_build_object('o', j - ARRAY['b', 'a']) ->> 'o' AS x2, jsonb_build_object('o', j - 1) ->> 'o' AS x3,
  jsonb_build_object('o', j - -1) ->> 'o' AS x4, jsonb_build_object('o', j - 9) ->> 'o' AS x5 FROM t WHERE id <> 1;

-- query: IS JSON
SELECT id, s IS JSON AS x1, s IS JSON OBJECT AS x2, s IS JSON ARRAY AS x3, s IS JSON SCALAR AS x4, s IS NOT JSON AS x5, s IS JSON VALUE AS x6 FROM t;

-- query: date_bin
SELECT id, date_bin(INTERVAL '15 minutes', ts, '2001-01-01 00:02:30Z'::timestamptz) AS x1, date_bin(INTERVAL '1 day 2 hours', ts, '2020-01-01 00:00:00Z'::timestamptz) AS x2,
  date_bin(INTERVAL '7 days', ts AT TIME ZONE 'UTC', '2001-01-01'::timestamp) AS x3 FROM t;

-- query: patterns with letters, small am and pm, an offset
SELECT id, to_char(ts, 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS x1, to_char(ts, 'YYYY-MM-DDTHH24:MI') AS x2, to_char(ts, 'HH12:MI am, PM') AS x3, to_char(ts, 'HH24 TZH:TZM') AS x4 FROM t;

-- query: array_transform
SELECT id, array_transform(a, |x| x * 2) AS x1, array_transform(a, |x| (x / (x - 3))::varchar) AS x2, array_transform(ARRAY[a, a], |x| array_sum(x)) AS x3,
  array_transform(ARRAY[a], |x| array_transform(x, |y| y + 1)) AS x4, array_transform(string_to_array(s, ','), |id| upper(id)) AS x5 FROM t;

-- query: array_distinct, array_flatten, trim_array, containment
SELECT id, array_distinct(a) AS x1, array_flatten(ARRAY[a, ARRAY[9]]) AS x2, trim_array(a, 1) AS x3, a @> ARRAY[3] AS x4, ARRAY[5] <@ a AS x5, translate(s, '12x', 'ab') AS x6 FROM t;
