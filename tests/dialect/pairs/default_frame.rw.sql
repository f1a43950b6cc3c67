SELECT region, sum(mw) OVER (PARTITION BY region ORDER BY ts) AS total FROM events
