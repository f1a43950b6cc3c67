SELECT region, ts, mw
FROM (
  SELECT region, ts, mw, row_number() OVER (PARTITION BY region, ts ORDER BY log_offset DESC) AS rn
  FROM events WHERE reason IS NULL
) AS revisions
WHERE rn = 1
