SELECT region, reason, grouping(region) AS every_region, sum(mw) AS mw
FROM events
GROUP BY ROLLUP (region, reason)
HAVING max(mw) > 1
