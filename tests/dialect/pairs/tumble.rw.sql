SELECT window_start, max(mw) AS mw FROM TUMBLE(events, ts, INTERVAL '5 minutes', INTERVAL '1 minute') GROUP BY window_start
