-- times: arithmetic, truncation, fields, casts
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

-- query: date_trunc('hour',ts)
SELECT id, date_trunc('hour',ts) AS x FROM t;

-- query: date_trunc('day',ts)
SELECT id, date_trunc('day',ts) AS x FROM t;

-- query: date_trunc('week',ts)
SELECT id, date_trunc('week',ts) AS x FROM t;

-- query: date_trunc('month',ts)
SELECT id, date_trunc('month',ts) AS x FROM t;

-- query: date_trunc('quarter',ts)
SELECT id, date_trunc('quarter',ts) AS x FROM t;

-- query: date_trunc('year',ts)
SELECT id, date_trunc('year',ts) AS x FROM t;

-- query: date_trunc('minute',ts)
SELECT id, date_trunc('minute',ts) AS x FROM t;

-- query: date_trunc('second',ts)
SELECT id, date_trunc('second',ts) AS x FROM t;

-- query: date_trunc('hour', ts + interval '30 minutes')
SELECT id, date_trunc('hour', ts + interval '30 minutes') AS x FROM t;

-- query: ts + interval '1 day'
SELECT id, ts + interval '1 day' AS x FROM t;

-- query: ts - interval '1 month'
SELECT id, ts - interval '1 month' AS x FROM t;

-- query: ts + interval '1 month 2 days 03:04:05'
SELECT id, ts + interval '1 month 2 days 03:04:05' AS x FROM t;

-- query: ts::date
SELECT id, ts::date AS x FROM t;

-- query: ts::timestamp
SELECT id, ts::timestamp AS x FROM t;

-- query: ts::time
SELECT id, ts::time AS x FROM t;

-- query: ts::date::timestamptz
SELECT id, ts::date::timestamptz AS x FROM t;

-- query: ts::timestamp::timestamptz
SELECT id, ts::timestamp::timestamptz AS x FROM t;

-- query: extract(hour from ts)
SELECT id, extract(hour from ts) AS x FROM t;

-- query: extract(dow from ts)
SELECT id, extract(dow from ts) AS x FROM t;

-- query: extract(isodow from ts)
SELECT id, extract(isodow from ts) AS x FROM t;

-- query: extract(doy from ts)
SELECT id, extract(doy from ts) AS x FROM t;

-- query: extract(week from ts)
SELECT id, extract(week from ts) AS x FROM t;

-- query: extract(year from ts)
SELECT id, extract(year from ts) AS x FROM t;

-- query: extract(month from ts)
SELECT id, extract(month from ts) AS x FROM t;

-- query: extract(day from ts)
SELECT id, extract(day from ts) AS x FROM t;

-- query: extract(quarter from ts)
SELECT id, extract(quarter from ts) AS x FROM t;

-- query: extract(minute from ts)
SELECT id, extract(minute from ts) AS x FROM t;

-- query: extract(second from ts)
SELECT id, extract(second from ts) AS x FROM t;

-- query: extract(epoch from ts)
SELECT id, extract(epoch from ts) AS x FROM t;

-- query: extract(isoyear from ts)
SELECT id, extract(isoyear from ts) AS x FROM t;

-- query: extract(hour from ts)::int
SELECT id, extract(hour from ts)::int AS x FROM t;

-- query: extract(epoch from ts)::bigint
SELECT id, extract(epoch from ts)::bigint AS x FROM t;

-- query: extract(isodow from ts)::int - 1
SELECT id, extract(isodow from ts)::int - 1 AS x FROM t;

-- query: extract(epoch from ts::date)
SELECT id, extract(epoch from ts::date) AS x FROM t;

-- query: extract(dow from ts::date)
SELECT id, extract(dow from ts::date) AS x FROM t;

-- query: extract(hour from ts::timestamp)
SELECT id, extract(hour from ts::timestamp) AS x FROM t;

-- query: ts at time zone 'UTC'
SELECT id, ts at time zone 'UTC' AS x FROM t;

-- query: ts at time zone 'Europe/Berlin'
SELECT id, ts at time zone 'Europe/Berlin' AS x FROM t;

-- query: ts::timestamp at time zone 'Europe/Berlin'
SELECT id, ts::timestamp at time zone 'Europe/Berlin' AS x FROM t;

-- query: ts::varchar
SELECT id, ts::varchar AS x FROM t;

-- query: ts::timestamp::varchar
SELECT id, ts::timestamp::varchar AS x FROM t;

-- query: ts::date::varchar
SELECT id, ts::date::varchar AS x FROM t;

-- query: ts > '2024-02-28 00:00:00Z'
SELECT id, ts > '2024-02-28 00:00:00Z' AS x FROM t;

-- query: ts between '2024-02-01' and '2024-02-29'
SELECT id, ts between '2024-02-01' and '2024-02-29' AS x FROM t;

-- query: ts::date = '2024-02-28'
SELECT id, ts::date = '2024-02-28' AS x FROM t;

-- query: ts::date + 1
SELECT id, ts::date + 1 AS x FROM t;

-- query: ts::date - 1
SELECT id, ts::date - 1 AS x FROM t;

-- query: ts::date - date '2024-01-01'
SELECT id, ts::date - date '2024-01-01' AS x FROM t;

-- query: ts::date + interval '1 hour'
SELECT id, ts::date + interval '1 hour' AS x FROM t;

-- query: to_timestamp(i)
SELECT id, to_timestamp(i) AS x FROM t;

-- query: to_timestamp(d)
SELECT id, to_timestamp(d) AS x FROM t;

-- query: ts = timestamp with time zone '2024-02-28 00:00:00+00:00'
SELECT id, ts = timestamp with time zone '2024-02-28 00:00:00+00:00' AS x FROM t;

-- query: interval '1 hour' * i
SELECT id, interval '1 hour' * i AS x FROM t;

-- query: interval '1 day' > interval '23 hours'
SELECT id, interval '1 day' > interval '23 hours' AS x FROM t;

-- query: ts - interval '24 hours' < ts
SELECT id, ts - interval '24 hours' < ts AS x FROM t;
