SELECT
  window_start,
  max(mw) AS mw
FROM (SELECT *, rw_instant(time_bucket(INTERVAL '5 minutes', rw_utc(ts), INTERVAL '1 minute')) AS window_start, rw_instant(time_bucket(INTERVAL '5 minutes', rw_utc(ts), INTERVAL '1 minute')) + INTERVAL '5 minutes' AS window_end FROM events) AS events
GROUP BY
  window_start
