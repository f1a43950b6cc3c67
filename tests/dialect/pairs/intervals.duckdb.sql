SELECT
  region,
  rw_instant((rw_utc(ts) - INTERVAL '1 day 2 hours')) AS before,
  (CAST(CAST((extract(year FROM (rw_utc(ts) - rw_utc(rw_timestamptz('2024-01-01T00:00:00Z')))) * 31557600000000 + extract(month FROM (rw_utc(ts) - rw_utc(rw_timestamptz('2024-01-01T00:00:00Z')))) * 2592000000000 + extract(day FROM (rw_utc(ts) - rw_utc(rw_timestamptz('2024-01-01T00:00:00Z')))) * 86400000000 + rw_clock_us((rw_utc(ts) - rw_utc(rw_timestamptz('2024-01-01T00:00:00Z'))))) * 0.000001 AS DECIMAL(38, 6)) AS DOUBLE) / 3600) AS hours,
  rw_interval_text(rw_interval_times(INTERVAL '1 month', CAST(mw AS DOUBLE))) AS stretched,
  rw_instant(time_bucket(INTERVAL '15 minutes', rw_utc(ts), rw_utc(rw_timestamptz('2000-01-01T00:00:00Z')))) AS quarter
FROM events
