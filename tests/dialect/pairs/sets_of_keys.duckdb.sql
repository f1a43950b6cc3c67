SELECT
  region,
  reason,
  CAST(grouping(region) AS INTEGER) AS every_region,
  sum(mw) AS mw
FROM events
GROUP BY
  ROLLUP (
    region,
    reason
  )
HAVING
  (max(mw) > 1) AND count(*) > 0
