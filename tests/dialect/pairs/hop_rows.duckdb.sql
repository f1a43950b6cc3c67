SELECT
  region,
  window_start
FROM (SELECT *, window_start + INTERVAL '1 hour' AS window_end FROM (SELECT *, unnest(generate_series(rw_instant(time_bucket(INTERVAL '15 minutes', rw_utc(ts), INTERVAL '0 seconds')) - INTERVAL '45 minutes', rw_instant(time_bucket(INTERVAL '15 minutes', rw_utc(ts), INTERVAL '0 seconds')), INTERVAL '15 minutes')) AS window_start FROM events WHERE ts IS NOT NULL)) AS h
