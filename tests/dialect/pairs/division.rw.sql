SELECT log_offset / 2 AS a, mw / 2 AS b, log_offset / 2.0 AS c, log_offset % 0 AS d FROM events
