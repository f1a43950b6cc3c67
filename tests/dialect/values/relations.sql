-- joins, subqueries, set operations
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
select a.id, b.id as bid from t a join t b on a.k = b.k and a.ts = b.ts + interval '24 hours';

-- query: 2
select a.id, b.i as bi from t a left join t b on a.k = b.k and a.id = b.id + 1;

-- query: 3
select a.id, b.id as bid from (select * from t where id < 40) a full join (select * from t where id > 20) b on a.id = b.id;

-- query: 4
select id, a.i, b.n from t a join (select id, n from t where ok) b using (id);

-- query: 5
select a.id from t a where exists (select 1 from t b where b.k = a.k and b.id = a.id + 1);

-- query: 6
select id from t where i in (select i from t where id < 5);

-- query: 7
select id from t where i not in (select i from t where id = 1);

-- query: 8
select k from t union select 'zz' as k;

-- query: 9
select k, i from t union all select k, i from t where ok;

-- query: 10
select i from t union all select b from t;

-- query: 11
select i from t union all select d from t;

-- query: 12
select k from t intersect select 'a' as k;

-- query: 13
select k from t except select 'a' as k;

-- query: 14
select distinct k, ok from t;

-- query: 15
select distinct on (k) k, id from t order by k, id desc;

-- query: 16
select * except (ts, b, n) from t;

-- query: 17
select a.*, 1 as one from (select id, k from t) a;

-- query: 18
select x, y from (values (1, 'a'), (2, null)) as v(x, y);

-- query: 19
select v.x + 1 as z from (values (1.5), (2)) as v(x);

-- query: 20
select id, case when d > 0 then 'pos' when d < 0 then 'neg' end as s, coalesce(k, 'none') as kk from t where (i > 0 or ok) and not (k = 'b');

-- query: 21
select id, k from t order by k desc, id limit 5;

-- query: 22
select id, i from t order by i, id limit 5 offset 3;

-- query: 23
select id, i+0.5 as x, i*1.5 as y, n*n as z, n+i as w, n/i as q, i/n as p, b*i as bi from t;

-- query: 24
select id, n = 1.25 as x, d = 0.1 as y, i = 1.0 as z from t;

-- query: 25
select id, array[i, 2] as a from t;
