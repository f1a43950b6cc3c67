-- what a question may ask and a view may not: exact percentiles, the most frequent value
CREATE TABLE t (id INT, g INT, k VARCHAR, x DOUBLE PRECISION, n NUMERIC, at TIMESTAMPTZ);
INSERT INTO t VALUES
  (1, 1, 'b', 1.5, 1.5, '2024-01-01 00:00:00Z'), (2, 1, 'a', 2.5, -2.5, '2024-01-02 00:00:00Z'), (3, 1, 'b', -4, 40, NULL),
  (4, 2, 'd', 0, 0, '2024-01-01 00:00:00Z'), (5, 2, 'a', 100, 17.25, '2024-01-05 00:00:00Z'), (6, 2, NULL, NULL, NULL, NULL), (7, NULL, 'd', 7, 1, NULL);

-- query: percentile_cont and percentile_disc
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY x) AS x1, percentile_disc(0.5) WITHIN GROUP (ORDER BY x) AS x2, percentile_disc(0.3) WITHIN GROUP (ORDER BY k) AS x3,
  percentile_disc(0.5) WITHIN GROUP (ORDER BY at) AS x4, percentile_cont(NULL) WITHIN GROUP (ORDER BY x) AS x5, percentile_disc(0.1 + 0.2) WITHIN GROUP (ORDER BY n DESC) AS x6 FROM t;

-- query: percentiles of each group, and of some rows
SELECT g, percentile_cont(0.3) WITHIN GROUP (ORDER BY n) AS x1, percentile_cont(0.9) WITHIN GROUP (ORDER BY x DESC) FILTER (WHERE x < 50) AS x2, percentile_disc(1) WITHIN GROUP (ORDER BY x) AS x3 FROM t GROUP BY g;

-- query: mode, the first of those that are as frequent
SELECT mode() WITHIN GROUP (ORDER BY k) AS x1, mode() WITHIN GROUP (ORDER BY k DESC) AS x2, mode() WITHIN GROUP (ORDER BY x) AS x3 FROM t;

-- query: approx_count_distinct of a few
SELECT g, approx_count_distinct(k) AS x1, approx_count_distinct(x) AS x2 FROM t GROUP BY g;

-- query: LIMIT and OFFSET of an expression
SELECT id FROM t ORDER BY 'x', id LIMIT 1.5 * 2 OFFSET 1;

-- query: LIMIT NULL
SELECT id FROM t ORDER BY id LIMIT NULL + 1;

-- query: ARRAY of a subquery
SELECT ARRAY(SELECT k FROM t WHERE g IS NOT NULL ORDER BY id DESC) AS x1, ARRAY(SELECT n FROM t WHERE id > 9 ORDER BY n) AS x2;
