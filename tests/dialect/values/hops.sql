-- TUMBLE and HOP, as rows and under GROUP BY
CREATE TABLE t (id INT, k VARCHAR, ts TIMESTAMPTZ, i INT, b BIGINT, d DOUBLE PRECISION, n NUMERIC, ok BOOLEAN);
INSERT INTO t VALUES
  (0, 'b', '2024-02-15 15:15:00+00:00'::timestamptz, 1, null, -2.25, 1.25, true),
  (1, null, '2024-02-15 00:30:00+00:00'::timestamptz, -3, null, null, null, null),
  (2, 'b', '2024-02-28 00:00:00+00:00'::timestamptz, null, null, 1.5, null, true),
  (3, 'b', '2024-02-01 18:15:59.5+00:00'::timestamptz, 2, null, -2.25, 1.25, true),
  (4, 'a', '2024-02-28 11:30:00+00:00'::timestamptz, 2, 10000000000, -2.25, 1.25, null),
  (5, 'a', '2024-02-15 20:00:59.5+00:00'::timestamptz, -3, null, 0.1, 1.25, false),
  (6, 'a', '2024-02-01 13:15:59.5+00:00'::timestamptz, 2, 5, -2.25, 3.5, false),
  (7, 'b', '2024-03-15 01:00:59.5+00:00'::timestamptz, null, null, -2.25, 3.5, null),
  (8, 'a', '2024-02-15 23:30:59.5+00:00'::timestamptz, 1, null, 1.5, 3.5, null),
  (9, 'b', '2024-02-28 00:00:00+00:00'::timestamptz, 7, 5, 0.1, null, true),
  (10, null, '2024-03-01 23:00:00+00:00'::timestamptz, -3, 10000000000, 1.5, null, null),
  (11, 'a', '2024-02-01 12:59:59.5+00:00'::timestamptz, 1, null, 0.1, 1.25, true),
  (12, null, '2024-03-15 05:30:59.5+00:00'::timestamptz, 2, 10000000000, 0.1, 1.25, true),
  (13, 'b', '2024-02-28 07:59:59.5+00:00'::timestamptz, 1, null, 0.1, 1.25, null),
  (14, null, '2024-03-28 02:00:59.5+00:00'::timestamptz, 2, 5, -2.25, 1.25, false),
  (15, null, '2024-03-28 01:15:00+00:00'::timestamptz, -3, 5, -2.25, 1.25, null),
  (16, 'b', '2024-03-15 17:30:59.5+00:00'::timestamptz, -3, 10000000000, 1.5, 3.5, false),
  (17, 'b', '2024-02-01 23:30:59.5+00:00'::timestamptz, 2, 5, null, 3.5, null),
  (18, 'b', '2024-03-15 22:30:00+00:00'::timestamptz, 1, null, 0.1, 3.5, null),
  (19, 'a', '2024-02-15 11:15:00+00:00'::timestamptz, null, null, null, 1.25, true),
  (20, 'a', '2024-03-15 06:00:00+00:00'::timestamptz, 1, 5, -2.25, null, false),
  (21, 'b', '2024-03-01 01:30:00+00:00'::timestamptz, 2, 5, -2.25, 3.5, false),
  (22, 'a', '2024-03-15 22:15:00+00:00'::timestamptz, 7, 10000000000, 0.1, null, true),
  (23, 'a', '2024-02-15 14:00:59.5+00:00'::timestamptz, 7, 5, 1.5, 1.25, null),
  (24, null, '2024-02-15 08:30:59.5+00:00'::timestamptz, -3, 10000000000, 1.5, 3.5, null),
  (25, null, '2024-03-01 16:30:59.5+00:00'::timestamptz, -3, 10000000000, 1.5, 1.25, true),
  (26, null, '2024-03-01 07:15:59.5+00:00'::timestamptz, null, 10000000000, -2.25, null, false),
  (27, 'a', '2024-02-28 02:30:59.5+00:00'::timestamptz, -3, 5, 0.1, 3.5, null),
  (28, null, '2024-02-01 07:30:59.5+00:00'::timestamptz, 7, 5, -2.25, 3.5, false),
  (29, null, null, 2, 10000000000, 1.5, null, true),
  (30, null, '2024-02-01 16:59:59.5+00:00'::timestamptz, 7, 5, 0.1, 1.25, false),
  (31, null, '2024-03-15 01:00:59.5+00:00'::timestamptz, null, 5, 0.1, 3.5, false),
  (32, 'b', '2024-03-28 17:59:59.5+00:00'::timestamptz, 7, null, 0.1, 3.5, null),
  (33, 'a', '2024-02-01 03:00:59.5+00:00'::timestamptz, -3, null, 0.1, 3.5, false),
  (34, 'a', '2024-02-28 03:15:59.5+00:00'::timestamptz, -3, null, 1.5, 3.5, true),
  (35, 'a', '2024-02-28 02:59:00+00:00'::timestamptz, 2, null, null, 3.5, false),
  (36, null, '2024-03-28 08:59:59.5+00:00'::timestamptz, 2, 5, -2.25, null, true),
  (37, 'b', '2024-03-28 20:15:59.5+00:00'::timestamptz, null, 5, 1.5, 1.25, false),
  (38, 'a', '2024-03-28 09:59:00+00:00'::timestamptz, 1, 5, null, 3.5, false),
  (39, null, '2024-02-28 00:00:00+00:00'::timestamptz, null, 5, 0.1, null, false),
  (40, 'b', '2024-02-28 08:59:00+00:00'::timestamptz, 1, 10000000000, 1.5, 3.5, true),
  (41, null, '2024-03-15 05:15:59.5+00:00'::timestamptz, 2, 5, -2.25, 1.25, false),
  (42, null, '2024-03-15 08:00:00+00:00'::timestamptz, 1, 10000000000, null, null, true),
  (43, 'a', '2024-02-28 00:00:00+00:00'::timestamptz, -3, 5, -2.25, null, false),
  (44, 'b', '2024-03-15 06:59:59.5+00:00'::timestamptz, null, null, 1.5, 3.5, true),
  (45, 'b', '2024-03-01 04:30:00+00:00'::timestamptz, 2, null, -2.25, 3.5, true),
  (46, 'b', '2024-03-15 02:00:00+00:00'::timestamptz, -3, 10000000000, 1.5, null, null),
  (47, 'b', '2024-02-01 20:15:00+00:00'::timestamptz, 7, null, null, 3.5, false),
  (48, null, '2024-03-15 10:30:00+00:00'::timestamptz, -3, null, 1.5, null, null),
  (49, 'a', '2024-03-01 13:59:00+00:00'::timestamptz, -3, 5, 0.1, null, true),
  (50, null, '2024-03-01 02:00:00+00:00'::timestamptz, -3, null, 0.1, null, null),
  (51, null, '2024-02-01 15:30:59.5+00:00'::timestamptz, -3, 10000000000, null, null, true),
  (52, null, '2024-02-01 11:30:00+00:00'::timestamptz, null, 5, 1.5, 3.5, true),
  (53, null, '2024-02-28 00:00:00+00:00'::timestamptz, 7, 10000000000, 0.1, 1.25, null),
  (54, 'b', '2024-02-15 01:59:00+00:00'::timestamptz, 7, null, 1.5, 1.25, false),
  (55, 'b', '2024-02-28 05:00:59.5+00:00'::timestamptz, 1, 5, null, 1.25, null),
  (56, 'a', '2024-02-01 18:15:59.5+00:00'::timestamptz, 2, null, null, 1.25, false),
  (57, null, null, 2, 5, 1.5, 3.5, true),
  (58, 'a', '2024-02-28 04:00:59.5+00:00'::timestamptz, 2, null, 0.1, 3.5, true),
  (59, 'a', '2024-03-28 20:30:59.5+00:00'::timestamptz, null, null, null, null, true);

-- query: 1
select id, window_start, window_end from tumble(t, ts, interval '1 hour');

-- query: 2
select id, window_start, window_end from tumble(t, ts, interval '45 minutes', interval '10 minutes') w;

-- query: 3
select id, window_start, window_end from tumble(t, ts, interval '7 days');

-- query: 4
select id, window_start, window_end from hop(t, ts, interval '30 minutes', interval '2 hours');

-- query: 5
select id, window_start, window_end from hop(t, ts, interval '7 minutes', interval '21 minutes', interval '3 minutes') h;

-- query: 6
select k, window_end - interval '1 hour' as h, avg(d) as a, count(*) as c, sum(i) as s, max(n) as m from hop(t, ts, interval '1 hour', interval '24 hours') group by k, window_end;

-- query: 7
select window_start, count(*) as c, sum(d) filter (where ok) as s from hop(t, ts, interval '15 minutes', interval '45 minutes', interval '5 minutes') where i > 0 group by window_start;

-- query: 8
select k, window_start, window_end, min(d) as m from hop(t, ts, interval '1 day', interval '3 days') h group by h.k, window_start, window_end having count(*) > 2;

-- query: 9
with x as (select k, ts, d from t where ok) select k, window_end, avg(d) as a from hop(x, ts, interval '1 hour', interval '5 hours') group by k, window_end;

-- query: 10
select k, window_start, avg(d) as a from tumble(t, ts, interval '6 hours') group by k, window_start;
