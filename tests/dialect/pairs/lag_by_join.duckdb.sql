SELECT
  a.region,
  a.ts,
  b.mw AS lag_24h
FROM events AS a
LEFT JOIN events AS b
  ON b.region = a.region AND b.ts = rw_instant((rw_utc(a.ts) - INTERVAL '24 hours'))
