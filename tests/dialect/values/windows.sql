-- window functions: frames, default frames, NULL ordering, last revisions
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
select id, row_number() over (partition by k order by id) as r, rank() over (partition by k order by i) as a, dense_rank() over (partition by k order by i desc) as dd from t;

-- query: 2
select id, lag(i) over (partition by k order by id) as a, lag(i, 2) over (partition by k order by id) as b, lead(d) over (partition by k order by id desc) as c, first_value(i) over (partition by k order by id) as f, last_value(i) over (partition by k order by id) as l from t;

-- query: 3
select id, sum(i) over (partition by k order by id) as s, count(*) over (partition by k order by id rows between 2 preceding and current row) as c, max(i) over (partition by k order by id rows between unbounded preceding and 1 preceding) as m, min(d) over (partition by k) as md from t;

-- query: 4
select id, count(d) over (partition by k order by ts range between interval '24 hours' preceding and current row) as c, max(d) over (partition by k order by ts range between interval '24 hours' preceding and interval '1 hour' preceding) as m from t where ts is not null;

-- query: 5
select id, first_value(i) over (partition by k order by id rows between unbounded preceding and current row) as f from t;

-- query: 6
select id, row_number() over (partition by k order by i, id) as a, row_number() over (partition by k order by i desc, id) as b, row_number() over (partition by k order by i nulls first, id) as c, row_number() over (partition by k order by i desc nulls last, id) as d from t;

-- query: 7
select k, i, d from (select k, i, d, row_number() over (partition by k order by id desc) as rn from t) r where rn = 1;

-- query: 8
select * from (select k, i, d, row_number() over (partition by k order by id) as rn from t) r where rn = 1;

-- query: 9
select k, i from (select k, i, id, row_number() over (partition by k order by b desc, id) as rn from t) r where rn <= 2;

-- query: 10
select k, max(rn) as m from (select k, row_number() over (partition by k order by id) as rn from t) z group by k;

-- query: 11
select id, sum(d) over (partition by k order by id rows between 1 preceding and 1 following) as s, avg(i) over (partition by k order by id rows between 2 preceding and current row) as a from t where d is not null and i is not null;
