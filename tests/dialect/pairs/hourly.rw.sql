SELECT region, date_trunc('hour', ts + INTERVAL '30 minutes') AS hour, avg(mw) AS mw, count(*) AS readings
FROM events GROUP BY region, date_trunc('hour', ts + INTERVAL '30 minutes')
