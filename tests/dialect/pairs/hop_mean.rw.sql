SELECT region, window_end - INTERVAL '1 hour' AS hour, avg(mw) AS mean, count(*) FILTER (WHERE mw > 0) AS n
FROM HOP(events, ts, INTERVAL '1 hour', INTERVAL '24 hours')
GROUP BY region, window_end
