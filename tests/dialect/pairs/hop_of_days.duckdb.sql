SELECT
  window_start,
  CAST(sum(log_offset) AS DECIMAL(38, 0)) AS s,
  count(DISTINCT region) AS regions
FROM (SELECT *, window_start + INTERVAL '168 hours' AS window_end FROM (SELECT *, unnest(generate_series(rw_instant(time_bucket(INTERVAL '24 hours', rw_utc(ts), INTERVAL '0 seconds')) - INTERVAL '144 hours', rw_instant(time_bucket(INTERVAL '24 hours', rw_utc(ts), INTERVAL '0 seconds')), INTERVAL '24 hours')) AS window_start FROM events WHERE ts IS NOT NULL)) AS events
GROUP BY
  window_start
