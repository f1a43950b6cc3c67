SELECT
  region,
  rw_instant(date_trunc('hour', rw_utc(rw_instant((rw_utc(ts) + INTERVAL '30 minutes'))))) AS hour,
  avg(mw) AS mw,
  count(*) AS readings
FROM events
GROUP BY
  region,
  rw_instant(date_trunc('hour', rw_utc(rw_instant((rw_utc(ts) + INTERVAL '30 minutes')))))
