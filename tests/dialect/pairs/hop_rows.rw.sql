SELECT region, window_start FROM HOP(events, ts, INTERVAL '15 minutes', INTERVAL '1 hour') AS h
