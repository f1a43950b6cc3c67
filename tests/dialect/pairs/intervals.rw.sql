SELECT
  region,
  ts - INTERVAL '1 day 02:00:00' AS before,
  extract(epoch FROM ts - '2024-01-01T00:00:00Z'::timestamptz) / 3600 AS hours,
  (INTERVAL '1 month' * mw)::varchar AS stretched,
  date_bin(INTERVAL '15 minutes', ts, '2000-01-01T00:00:00Z'::timestamptz) AS quarter
FROM events
