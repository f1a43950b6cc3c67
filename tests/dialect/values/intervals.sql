-- intervals: their spellings, their texts, their fields, their products; times of day
CREATE TABLE t (id INT, i INTERVAL, x DOUBLE PRECISION, n INT, h TIME, ts TIMESTAMPTZ);
INSERT INTO t VALUES
  (1, INTERVAL '1 year 2 months 3 days 04:05:06.789', 0.7, 7, '12:34:56.789', '2024-02-29 12:34:56.789Z'),
  (2, INTERVAL '-1 months 1 day -00:00:01', -1.5, -3, '00:00:00', '1999-12-31 23:59:59.999999Z'),
  (3, INTERVAL '1 day -01:00', 16384, 32768, '23:59:59.999999', '2000-01-01 00:00:00Z'),
  (4, INTERVAL '-3 days 25:00:00', 0.001, 2, '01:02:03.004', '2001-01-01 00:00:00Z'),
  (5, INTERVAL '3 months -3 days', 2, 5, '11:30', '1970-01-01 00:00:00Z'),
  (6, NULL, NULL, NULL, NULL, NULL),
  (7, INTERVAL '0', 3, 1, '06:00:00.5', '2024-11-20 06:00:00.5Z');

-- query: the text of an interval and of a time
SELECT id, i::varchar AS x1, h::varchar AS x2, 'x' || i AS x3, h::interval::varchar AS x4, i::time AS x5, (h - '11:30'::time)::varchar AS x6 FROM t;

-- query: a time of day ends at midnight
SELECT id, h + i AS x1, h - i AS x2, INTERVAL '12 hours' + h AS x3, h + INTERVAL '-1 day 1 hour' AS x4 FROM t;

-- query: spellings
SELECT (INTERVAL '1 y 2 mons 3 d 4 h 5 m 6 s')::varchar AS x1, (INTERVAL '1 year 1 month 1 day 1')::varchar AS x2, (INTERVAL '1 day 1:')::varchar AS x3,
  (INTERVAL '1:1:1.009')::varchar AS x4, (INTERVAL '-1:1:1.009')::varchar AS x5, ('12:34:56.1234565'::interval)::varchar AS x6, ('P1Y2M3DT4H5M6.5S'::interval)::varchar AS x7,
  (INTERVAL '- 1 year -1 months -  1 days 4 hours')::varchar AS x8, (INTERVAL '5' MINUTE)::varchar AS x9, (INTERVAL '-1 day 02:00:00')::varchar AS x10, (INTERVAL '+1:30')::varchar AS x11;

-- query: fractions of months and days
SELECT id, (i * x)::varchar AS x1, (i / x)::varchar AS x2, (i / n)::varchar AS x3, (n * i)::varchar AS x4, (1.25 * i)::varchar AS x5 FROM t;

-- query: an interval times or over what is no number or nothing
SELECT id, (i * 'NaN'::double precision)::varchar AS x1, (i / (x - x))::varchar AS x2, (i / 'Infinity'::double precision)::varchar AS x3, (i * (n - n))::varchar AS x4 FROM t WHERE id <> 6;

-- query: fields of an interval
SELECT id, extract(epoch FROM i) AS x1, extract(year FROM i) AS x2, extract(month FROM i) AS x3, extract(day FROM i) AS x4, extract(hour FROM i) AS x5,
  extract(minute FROM i) AS x6, extract(second FROM i) AS x7, extract(millisecond FROM i) AS x8, extract(microsecond FROM i) AS x9, date_part('epoch', i) AS x10 FROM t;

-- query: quarters and decades of an interval
SELECT extract(quarter FROM INTERVAL '7 months') AS x1, extract(decade FROM INTERVAL '270 months') AS x2, extract(century FROM INTERVAL '2700 months') AS x3;

-- query: how long between two instants, in seconds
SELECT id, extract(epoch FROM ts - '2000-01-01 00:00:00Z'::timestamptz) AS x1, extract(epoch FROM h - '11:30'::time) AS x2 FROM t;

-- query: fields of a time of day
SELECT id, extract(hour FROM h) AS x1, extract(minute FROM h) AS x2, extract(second FROM h) AS x3, extract(epoch FROM h) AS x4, extract(millisecond FROM h) AS x5, extract(microsecond FROM h) AS x6, date_part('second', h) AS x7 FROM t;

-- query: more fields of an instant
SELECT id, extract(century FROM ts) AS x1, extract(decade FROM ts) AS x2, extract(millennium FROM ts) AS x3, extract(millisecond FROM ts) AS x4, extract(microsecond FROM ts) AS x5,
  extract(julian FROM ts::date) AS x6, date_part('hour', ts) AS x7, date_part('epoch', ts) AS x8, date_part('dow', ts::date) AS x9 FROM t;

-- query: date_trunc to eras and to parts of a second, of a date, by a column
SELECT id, date_trunc('decade', ts) AS x1, date_trunc('century', ts) AS x2, date_trunc('millennium', ts) AS x3, date_trunc('milliseconds', ts) AS x4,
  date_trunc('microseconds', ts) AS x5, date_trunc('month', ts::date) AS x6, date_trunc('century', ts, 'Asia/Shanghai') AS x7 FROM t;

-- query: date_trunc by what a row says
SELECT f, date_trunc(f, ts) AS x1 FROM (SELECT unnest(ARRAY['day', 'WEEK', 'century', 'millennium', 'what', NULL]) AS f, ts FROM t WHERE id < 5) AS v;

-- query: a date and a time of day
SELECT id, ts::date + h AS x1, h + ts::date AS x2, make_timestamptz(2024, n, 5, 6, 7, 8.5, 'America/New_York') AS x3 FROM t WHERE n BETWEEN 1 AND 12;

-- query: UTC by its name
SELECT '2024-11-20 20:00:00 UTC'::timestamptz AS x1, (s || 'UTC')::timestamptz AS x2, (s || ' utc')::timestamptz AS x3, (s || ' GMT')::timestamptz AS x4 FROM (SELECT '2024-11-20 20:00:00' AS s) AS t;
