SELECT window_start, sum(log_offset) AS s, count(DISTINCT region) AS regions
FROM HOP(events, ts, INTERVAL '1 day', INTERVAL '7 days') GROUP BY window_start
