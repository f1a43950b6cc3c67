-- functions of numbers, texts and times
CREATE TABLE s (id INT, d DOUBLE PRECISION, t VARCHAR, i INT, ts TIMESTAMPTZ);
INSERT INTO s VALUES
  (1, 0, 'hello wORLD 1abc', 3, '2024-03-05 23:04:05.123456+00:00'),
  (2, 30, 'a-b', -2, '2024-12-31 12:00:00+00:00'),
  (3, 45, '', 0, '2024-07-01 00:59:59.5+00:00'),
  (4, 120, NULL, NULL, NULL),
  (5, -200, '你好 x', 10, '1999-02-28 03:00:00+00:00'),
  (6, 270, 'tab	tab', 1, '2024-03-31 01:30:00+00:00'),
  (7, 0.5, '2022-12-25 15:24:33', 2, '2024-03-31 00:30:00+00:00'),
  (8, -1, '2022-12-25', 5, '2024-10-27 00:30:00+00:00'),
  (9, NULL, '12/25/2022', 7, NULL);
INSERT INTO s (id, d) VALUES (10, 'NaN'), (11, 'Infinity'), (12, '-Infinity'), (13, 1.1), (14, 315), (15, 1e20), (16, 0.0000125);

-- query: sin, cos, tan, cot; NaN of an infinity
SELECT id, sin(d) AS x1, cos(d) AS x2, tan(d) AS x3, cot(d) AS x4 FROM s WHERE id <> 15;

-- query: asin, acos, atan, atan2; NaN beyond one
SELECT id, asin(d) AS x1, acos(d) AS x2, atan(d) AS x3, atan2(d, 2) AS x4 FROM s;

-- query: sinh, cosh, tanh, coth, asinh, acosh, atanh
SELECT id, sinh(d) AS x1, cosh(d) AS x2, tanh(d) AS x3, coth(d) AS x4, asinh(d) AS x5, acosh(d) AS x6, atanh(d) AS x7 FROM s WHERE abs(d) < 300;

-- query: sind, cosd, tand, cotd have exact values
SELECT id, sind(d) AS x1, cosd(d) AS x2, tand(d) AS x3, cotd(d) AS x4, sind(d) = 0.5 AS x5, cosd(d) = 0.5 AS x6 FROM s WHERE id <> 15;

-- query: asind, acosd, atand, atan2d
SELECT id, asind(d) AS x1, acosd(d) AS x2, atand(d) AS x3, atan2d(d, -2) AS x4 FROM s;

-- query: cbrt, log10, degrees, radians
SELECT id, cbrt(d) AS x1, log10(d) AS x2, degrees(d) AS x3, radians(d) AS x4 FROM s;

-- query: ascii, bit_length, repeat, initcap, left, right
SELECT id, ascii(t) AS x1, bit_length(t) AS x2, repeat(t, i) AS x3, initcap(t) AS x4, left(t, i) AS x5, right(t, i) AS x6 FROM s;

-- query: lpad, rpad
SELECT id, lpad(t, i) AS x1, lpad(t, i, 'xy') AS x2, rpad(t, i) AS x3, rpad(t, i, 'xy') AS x4, lpad(t, 3, '') AS x5 FROM s;

-- query: concat, concat_ws
SELECT id, concat(t, i, d > 0, d) AS x1, concat_ws('-', t, i, NULL, ts) AS x2, concat_ws(t, 'a', 'b') AS x3 FROM s;

-- query: the text of a double
SELECT id, d::varchar AS x1, (d / 1000)::varchar AS x2, (d * 1e14)::varchar AS x3, (d / 1e9)::varchar AS x4 FROM s;

-- query: sha1, sha256, convert_from
SELECT id, encode(sha1(convert_to(t, 'utf8')), 'hex') AS x1, encode(sha256(convert_to(t, 'utf8')), 'hex') AS x2 FROM s;

-- query: to_char of timestamps
SELECT id, to_char(ts, 'YYYY-MM-DD HH24:MI:SS.MS') AS x1, to_char(ts, 'DD.MM.YY HH12:MI AM') AS x2, to_char(ts, 'Mon Month US') AS x3 FROM s;

-- query: to_date and to_timestamp by a pattern; what does not match is NULL
SELECT id, to_date(t, 'YYYY-MM-DD') AS x1, to_date(t, 'MM/DD/YYYY') AS x2, to_timestamp(t, 'YYYY-MM-DD HH24:MI:SS') AS x3 FROM s WHERE id < 10;

-- query: make_date, make_time, make_timestamp, make_timestamptz
SELECT id, make_date(2024, i, 30) AS x1, make_time(i, 20, 30.5) AS x2, make_timestamp(2024, i, 2, 3, 4, 5.678) AS x3,
  make_timestamptz(2024, i, 2, 3, 4, 5.678) AS x4 FROM s;

-- query: timezone, AT TIME ZONE and date_trunc in a zone, over the change of clocks
SELECT id, timezone('Europe/Rome', ts) AS x1, timezone('UTC', ts) AS x2, (ts AT TIME ZONE 'UTC') AT TIME ZONE 'Europe/Rome' AS x3,
  date_trunc('day', ts, 'Europe/Rome') AS x4, date_trunc('month', ts, 'America/Los_Angeles') AS x5 FROM s;

-- query: an interval without a unit is of seconds
SELECT id, ts + INTERVAL '90' AS x1, ts - '5'::interval AS x2 FROM s;

-- query: a named window
SELECT id, sum(i) OVER w AS x1, lag(i, 0 + 1) OVER w AS x2, row_number() OVER w AS x3 FROM s WINDOW w AS (PARTITION BY id % 3 ORDER BY id);
