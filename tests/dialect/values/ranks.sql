-- percentiles, the row with the least and the most, objects out of rows, sets of keys
CREATE TABLE t (id INT, g INT, k VARCHAR, x DOUBLE PRECISION, n NUMERIC, i INT);
INSERT INTO t VALUES
  (1, 1, 'a', 1.5, 1.5, 3),
  (2, 1, 'b', 2.5, -2.5, 4),
  (3, 1, 'c', -4, 40, NULL),
  (4, 2, 'd', 0, 0, 7),
  (5, 2, 'e', 100, 17.3, 1),
  (6, 2, 'f', 'Infinity', 0.001, 2),
  (7, NULL, 'g', 1e-9, 123456789, -5),
  (8, NULL, 'h', -1e12, -0.75, 12);

-- query: approx_percentile of all rows
SELECT approx_percentile(0.5, 0.01) WITHIN GROUP (ORDER BY x) AS x1, approx_percentile(0.99) WITHIN GROUP (ORDER BY x) AS x2,
  approx_percentile(0, 0.2) WITHIN GROUP (ORDER BY n) AS x3, approx_percentile(1, 0.2) WITHIN GROUP (ORDER BY n) AS x4,
  approx_percentile(0.3, 0.001) WITHIN GROUP (ORDER BY x - 3.3) AS x5, count(*) AS c FROM t;

-- query: approx_percentile of each group
SELECT g, approx_percentile(0.2, 0.01) WITHIN GROUP (ORDER BY n) AS x1, approx_percentile(0.8, 0.05) WITHIN GROUP (ORDER BY i) AS x2 FROM t GROUP BY g;

-- query: approx_percentile of no rows
SELECT approx_percentile(0.5) WITHIN GROUP (ORDER BY x) AS x1 FROM t WHERE id > 100;

-- query: arg_min and arg_max leave NULLs aside
SELECT g, arg_min(k, i) AS x1, arg_max(k, n) AS x2, arg_max(i, x) AS x3, arg_min(k, k) AS x4, arg_max(k, i) FILTER (WHERE i < 3) AS x5 FROM t GROUP BY g;

-- query: arg_min over a window that is a whole partition
SELECT id, arg_min(k, n) OVER (PARTITION BY g) AS x1 FROM t;

-- query: jsonb_object_agg has its keys sorted
SELECT g, jsonb_build_object('o', jsonb_object_agg(k, i)) ->> 'o' AS x1, jsonb_build_object('o', jsonb_object_agg(k, n ORDER BY id DESC) FILTER (WHERE i > 3)) ->> 'o' AS x2
FROM t WHERE id <> 8 GROUP BY g;

-- query: jsonb_object_agg of no rows
SELECT jsonb_build_object('o', jsonb_object_agg(k, i)) ->> 'o' AS x1 FROM t WHERE id > 100;

-- query: ROLLUP
SELECT g, b, count(*) AS c, sum(i) AS s, grouping(g) AS x1, grouping(g, b) AS x2 FROM (SELECT *, i > 3 AS b FROM t) AS s GROUP BY ROLLUP (g, b);

-- query: CUBE
SELECT g, b, max(k) AS m FROM (SELECT *, id > 4 AS b FROM t) AS s GROUP BY CUBE (g, b);

-- query: GROUPING SETS, one of them twice
SELECT g, i, count(*) AS c FROM t GROUP BY GROUPING SETS ((g), (g, i), (), (g));

-- query: sets of keys over no rows
SELECT g, count(*) AS c FROM t WHERE id > 100 GROUP BY ROLLUP (g);

-- query: NaN in approx_percentile of all rows
SELECT approx_percentile(0.6) WITHIN GROUP (ORDER BY CASE WHEN id > 6 THEN 'NaN' ELSE x END) AS x1 FROM t;

-- query: NaN in approx_percentile of groups
SELECT g, approx_percentile(0.5) WITHIN GROUP (ORDER BY CASE WHEN i > 3 THEN 'NaN' ELSE x END) AS x1 FROM t GROUP BY g;

-- query: the types of what is computed of decimals
SELECT pg_typeof(sqrt(n)) AS x1, pg_typeof(pow(n, 2)) AS x2, pg_typeof(ln(n)) AS x3, pg_typeof(sum(i)) AS x4, pg_typeof(avg(i)) AS x5,
  pg_typeof(CASE WHEN true THEN 1::real ELSE n END) AS x6, pg_typeof(1::real + n) AS x7, pg_typeof(-2147483648) AS x8, pg_typeof(ARRAY[ROW(n, ARRAY[k])]) AS x9
FROM (SELECT abs(n) + 1 AS n, i, k FROM t) AS s GROUP BY n, k;
