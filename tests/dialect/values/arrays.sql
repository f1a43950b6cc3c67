-- arrays: joined, searched, shortened, read by place
CREATE TABLE s (id INT, a INT[], b BIGINT[], t VARCHAR[], x INT, u VARCHAR);
INSERT INTO s VALUES
  (1, ARRAY[1, 2, 3, 2], ARRAY[4, 5], ARRAY['p', 'q'], 2, 'q'),
  (2, ARRAY[1, NULL], NULL, ARRAY['p', NULL], NULL, NULL),
  (3, NULL, ARRAY[7], NULL, 1, 'p'),
  (4, ARRAY[]::INT[], ARRAY[]::BIGINT[], ARRAY[]::VARCHAR[], 0, '');

-- query: || joins arrays and elements, a NULL array counts for nothing
SELECT id, a || a AS x1, a || b AS x2, a || x AS x3, x || a AS x4, t || u AS x5, a || 1.5::double precision AS x6 FROM s;

-- query: array_cat, array_append, array_prepend
SELECT id, array_cat(a, b) AS x1, array_append(a, x) AS x2, array_prepend(u, t) AS x3, array_append(b, x) AS x4 FROM s;

-- query: array_position and array_positions, of a NULL too
SELECT id, array_position(a, x) AS x1, array_position(a, NULL) AS x2, array_positions(a, 2) AS x3, array_position(t, u) AS x4 FROM s;

-- query: array_remove and array_replace
SELECT id, array_remove(a, x) AS x1, array_remove(a, NULL) AS x2, array_replace(a, 2, 9) AS x3, array_replace(t, NULL, 'z') AS x4 FROM s;

-- query: array_length, cardinality
SELECT id, array_length(a) AS x1, array_length(a, 1) AS x2, cardinality(t) AS x3, cardinality(ARRAY[ARRAY[1, 2], ARRAY[3, 4]]) AS x4 FROM s;

-- query: array_max, array_min, array_sum, array_sort
SELECT id, array_max(a) AS x1, array_min(t) AS x2, array_sum(a) AS x3, array_sum(b) AS x4, array_sort(a) AS x5, array_sort(t) AS x6 FROM s;

-- query: the largest of floats is NaN
SELECT array_max(ARRAY['NaN'::double precision, 1]) AS x1, array_min(ARRAY['NaN'::double precision, 1]) AS x2,
  array_sort(ARRAY['NaN'::double precision, 1, NULL, 'Infinity']) AS x3;

-- query: array_to_string and string_to_array
SELECT id, array_to_string(a, ',') AS x1, array_to_string(a, ',', '*') AS x2, array_to_string(t, ' ') AS x3,
  string_to_array(u, '') AS x4, string_to_array('a,,b', ',') AS x5, string_to_array(u, NULL) AS x6 FROM s;

-- query: array_contains, array_contained
SELECT id, array_contains(a, ARRAY[2]) AS x1, array_contains(a, ARRAY[NULL]::INT[]) AS x2, array_contained(t, ARRAY['p', 'q', 'r']) AS x3 FROM s;

-- query: subscripts and slices
SELECT id, a[1] AS x1, a[x] AS x2, a[0] AS x3, a[-1] AS x4, a[5] AS x5, a[2:3] AS x6, a[:2] AS x7, a[2:] AS x8, a[3:2] AS x9 FROM s;

-- query: ANY, SOME and ALL of an array
SELECT id, x = ANY(a) AS x1, x = SOME(a) AS x2, x < ALL(a) AS x3, x <> ALL(a) AS x4, u = ANY(t) AS x5, 1 >= ALL(b) AS x6 FROM s;

-- query: unnest
SELECT id, e FROM s, unnest(a) AS r(e);

-- query: casts of arrays
SELECT id, a::bigint[] AS x1, a::varchar[] AS x2, b::int[] AS x3, '{1,2,NULL}'::int[] AS x4 FROM s;
