-- jsonb: what is a document, what is in it
CREATE TABLE docs (id INT, t VARCHAR);
INSERT INTO docs VALUES
  (0, '{"a":NaN}'),
  (1, '{"a":nan}'),
  (2, '{"a":Infinity}'),
  (3, '{"a":-inf}'),
  (4, '{"a":1,}'),
  (5, '[1,]'),
  (6, '1e400'),
  (7, '{"a":1e400}'),
  (8, '-1e400'),
  (9, '[]'),
  (10, 'null'),
  (11, '"x"'),
  (12, ''),
  (13, ' '),
  (14, '{"a":01}'),
  (15, '{"a":+1}'),
  (16, '{"a":1} '),
  (17, ' {"a":1}'),
  (18, '﻿{"a":1}'),
  (19, '{"a":"\ud800"}'),
  (20, '{"a":"\u0000"}'),
  (21, '{"a":"x	y"}'),
  (22, '{"a":"\x"}'),
  (23, '12345678901234567890123'),
  (24, '{"a":1E5}'),
  (25, 'TRUE'),
  (26, 'true'),
  (27, 'false'),
  (28, '{"a":true}'),
  (29, '{"a":false}'),
  (30, '{"a":"\ud83d\ude00"}'),
  (31, '{"a":1,"a":2}'),
  (32, '{"a":1,"a":null}'),
  (33, '{"a":null,"a":1}'),
  (34, '{"a":"x, nan"}'),
  (35, '{"a":":inf"}'),
  (36, '{"a":", ]"}'),
  (37, '{"a":",]"}'),
  (38, '{"a":"1e400"}'),
  (39, '{"a":12.50}'),
  (40, '{"a":100}'),
  (41, '{"a":1e2}'),
  (42, '{"a":1.0}'),
  (43, '{"a":0.1}'),
  (44, '{"a":123456789.125}'),
  (45, '{"a":18446744073709551615}'),
  (46, '{"a":{"b":2}}'),
  (47, '{"a":[1,2,3]}'),
  (48, '{"a":{"b":{"c":"d"}}}'),
  (49, '{"A":1}'),
  (50, '{"\u0061":5}'),
  (51, '{"\u0061":5,"a":6}'),
  (52, '{"a":"q\"uote\\back/slash\n"}'),
  (53, '{"a":""}'),
  (54, '{"b":1}'),
  (55, '{"a":5,"b":"Nanterre","c":"Infra"}'),
  (56, '{"a":1,"b":[1,{"a":2}]}'),
  (57, '[{"a":1}]'),
  (58, '{"a":"é"}'),
  (59, '{"a":"ü","a":"\u00fc2"}'),
  (60, '1'),
  (61, '-1.5'),
  (62, '"true"'),
  (63, '{"a":"true"}'),
  (64, '{"a":"12"}'),
  (65, '{"a":" 12 "}'),
  (66, '{"a":"2024-01-01T00:00:00Z"}'),
  (67, '{"a":1e-7}'),
  (68, '{"a":-1.5e300}'),
  (69, '{"a":1}x'),
  (70, '[1 2]'),
  (71, '{"a":.5}'),
  (72, '{"a":9007199254740993}'),
  (73, '{"a":3}
'),
  (74, '	{"a":3}');

-- query: not JSON
SELECT id, t::jsonb IS NULL AS x FROM docs;

-- query: jsonb_typeof(t::jsonb)
SELECT id, jsonb_typeof(t::jsonb) AS x FROM docs;

-- query: jsonb_typeof(t::jsonb -> 'a')
SELECT id, jsonb_typeof(t::jsonb -> 'a') AS x FROM docs;

-- query: t::jsonb ->> 'a'
SELECT id, t::jsonb ->> 'a' AS x FROM docs;

-- query: (t::jsonb ->> 'a')::double precision
SELECT id, (t::jsonb ->> 'a')::double precision AS x FROM docs;

-- query: (t::jsonb ->> 'a')::int
SELECT id, (t::jsonb ->> 'a')::int AS x FROM docs;

-- query: (t::jsonb ->> 'a')::bigint
SELECT id, (t::jsonb ->> 'a')::bigint AS x FROM docs;

-- query: (t::jsonb ->> 'a')::boolean
SELECT id, (t::jsonb ->> 'a')::boolean AS x FROM docs;

-- query: (t::jsonb ->> 'a')::numeric
SELECT id, (t::jsonb ->> 'a')::numeric AS x FROM docs;

-- query: (t::jsonb -> 'a')::double precision
SELECT id, (t::jsonb -> 'a')::double precision AS x FROM docs;

-- query: (t::jsonb -> 'a')::int
SELECT id, (t::jsonb -> 'a')::int AS x FROM docs;

-- query: (t::jsonb -> 'a')::boolean
SELECT id, (t::jsonb -> 'a')::boolean AS x FROM docs;

-- query: (t::jsonb)::double precision
SELECT id, (t::jsonb)::double precision AS x FROM docs;

-- query: t::jsonb -> 0 ->> 'a'
SELECT id, t::jsonb -> 0 ->> 'a' AS x FROM docs;

-- query: (t::jsonb -> 'a' -> -1)::int
SELECT id, (t::jsonb -> 'a' -> -1)::int AS x FROM docs;

-- query: t::jsonb -> 'a' ->> 0
SELECT id, t::jsonb -> 'a' ->> 0 AS x FROM docs;

-- query: t::jsonb -> 'a' ->> 'b'
SELECT id, t::jsonb -> 'a' ->> 'b' AS x FROM docs;

-- query: jsonb_array_length(t::jsonb -> 'a')
SELECT id, jsonb_array_length(t::jsonb -> 'a') AS x FROM docs;

-- query: jsonb_array_length(t::jsonb)
SELECT id, jsonb_array_length(t::jsonb) AS x FROM docs;

-- query: t::jsonb -> 'a' is null
SELECT id, t::jsonb -> 'a' is null AS x FROM docs;

-- query: t::jsonb ->> 'A'
SELECT id, t::jsonb ->> 'A' AS x FROM docs;

-- query: (t::jsonb ->> 'a')::timestamptz
SELECT id, (t::jsonb ->> 'a')::timestamptz AS x FROM docs;

-- query: several keys of one document
SELECT id, jsonb_typeof(j) AS jt, jsonb_typeof(j -> 'a') AS ta, j ->> 'a' AS xa, jsonb_typeof(j -> 'b') AS tb, j ->> 'b' AS xb,
  (j -> 'a') ->> 'b' AS xab, j -> 'a' IS NULL AS na FROM (SELECT id, t::jsonb AS j FROM docs) AS d;

-- query: several keys, and a star
SELECT * EXCEPT (j), j ->> 'a' AS xa, j ->> 'b' AS xb FROM (SELECT id, t::jsonb AS j FROM docs) AS d;

-- query: several keys through a join
SELECT a.id, j ->> 'a' AS x, jsonb_typeof(j -> 'a') AS y, b.id AS other FROM (SELECT id, t::jsonb AS j FROM docs) AS a
LEFT JOIN docs AS b ON b.id = a.id + 1;

-- query: bytes
SELECT id, convert_from(convert_to(t, 'utf8'), 'utf8')::jsonb ->> 'a' AS x FROM docs;
