-- rows out of documents, texts and arrays; joins that merge columns; CORRESPONDING
CREATE TABLE t (id INT, a INT, b INT, s VARCHAR, j JSONB);
INSERT INTO t VALUES
  (1, 1, 2, 'a1b22x', '{"n": 1, "m": {"y": "z", "x": null, "y": 2}}'),
  (2, 3, 4, 'apple,banana,,X', '[1, "a", null, [1, 2], true]'),
  (3, NULL, 7, '', '[]'),
  (4, 9, 9, NULL, NULL),
  (5, 5, NULL, 'foobarbequebaz', '"text"');
CREATE TABLE u (b INT, d INT, a INT);
INSERT INTO u VALUES (2, 20, 1), (4, 40, 5), (NULL, 70, 3), (9, 90, 9);

-- query: jsonb_array_elements and jsonb_array_elements_text
SELECT id, jsonb_typeof(e) AS x1 FROM t, jsonb_array_elements(t.j) AS r (e) WHERE id = 2;

-- query: a JSON null as an element is an empty text
SELECT id, e AS x1 FROM t, jsonb_array_elements_text(t.j) AS r (e) WHERE id IN (2, 3, 4);

-- query: what has no elements has no rows
SELECT id, jsonb_array_elements_text(j) AS x1 FROM t;

-- query: jsonb_each_text and jsonb_object_keys
SELECT id, k, v FROM t, jsonb_each_text(t.j -> 'm') AS r (k, v) WHERE id = 1;

-- query: jsonb_object_keys in a SELECT
SELECT id, jsonb_object_keys(j) AS x1 FROM t WHERE id = 1;

-- query: jsonb_each
SELECT k, jsonb_typeof(v) AS x1 FROM t, jsonb_each(t.j) AS r (k, v) WHERE id = 1;

-- query: regexp_matches, every match
SELECT id, m[1] AS x1, m[2] AS x2 FROM t, regexp_matches(t.s, '([a-z])(\d)?') AS r (m) WHERE id <> 5;

-- query: regexp_matches without groups
SELECT id, regexp_matches(s, '[a-z]+', 'gi') AS x1 FROM t;

-- query: regexp_count, regexp_split_to_array
SELECT id, regexp_count(s, '[aeiou]') AS x1, regexp_count(s, 'B', 3, 'i') AS x2, regexp_split_to_array(s, '[,\d]') AS x3 FROM t;

-- query: flags of regular expressions, the later counts; places
SELECT id, regexp_match(s, 'APP', 'ic') AS x1, regexp_match(s, 'APP', 'ci') AS x2, regexp_replace(s, 'a', '-', 3) AS x3, regexp_replace(s, 'a', '-', 3, 0) AS x4,
  regexp_replace(s, 'B', '-', 1, 0, 'i') AS x5, regexp_match(s, NULL) AS x6 FROM t;

-- query: generate_subscripts and dimensions
SELECT id, generate_subscripts(string_to_array(s, ','), 1) AS x1, array_lower(string_to_array(s, ','), 1) AS x2, array_upper(string_to_array(s, ','), 1) AS x3, array_ndims(string_to_array(s, ',')) AS x4 FROM t;

-- query: generate_subscripts backwards
SELECT generate_subscripts(ARRAY[ARRAY[1, 2, 3], ARRAY[4, 5, 6]], 2, true) AS x1;

-- query: string_to_array with a text for NULL
SELECT id, string_to_array(s, ',', 'X') AS x1, string_to_array(s, ',', '') AS x2 FROM t;

-- query: series of decimals
SELECT x AS x1 FROM generate_series(4, 1.5, -0.7) AS r (x);

-- query: range of decimals leaves its end out
SELECT x AS x1 FROM range(1, 2.0, 0.1) AS r (x);

-- query: SELECT * over USING, the merged columns the other way round
SELECT * FROM (SELECT a, b, s FROM t) AS x JOIN u USING (a, b);

-- query: SELECT * over NATURAL FULL JOIN
SELECT * FROM (SELECT a, b, s FROM t) AS x NATURAL FULL JOIN u;

-- query: SELECT * over a right join with USING
SELECT * FROM (SELECT a, s FROM t) AS x RIGHT JOIN u USING (a);

-- query: UNION CORRESPONDING
SELECT a, b, s FROM t UNION CORRESPONDING SELECT * FROM u;

-- query: the fields of a struct, one by one
SELECT (r).*, (r).f2 AS again FROM (SELECT ROW(id, s) AS r FROM t) AS x;

-- query: a row cast to a struct
SELECT id, ((a, (b, 'z'))::STRUCT<p BIGINT, q STRUCT<x NUMERIC, y VARCHAR>>).q.x AS x1 FROM t;

-- query: structs compared field by field, a NULL in both is equal
SELECT id, r = (1, 'a1b22x') AS x1, r <> ROW(3, s) AS x2, r < (5, 'b') AS x3, r >= (3, NULL) AS x4, r IS DISTINCT FROM (NULL, '') AS x5, r = (9, NULL) AS x6
FROM (SELECT id, s, ROW(a, s) AS r FROM t) AS x;
