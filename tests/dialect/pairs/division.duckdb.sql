SELECT
  (log_offset // 2) AS a,
  (mw / 2) AS b,
  (CAST(log_offset AS DOUBLE) / 2.0) AS c,
  (log_offset % NULLIF(0, 0)) AS d
FROM events
