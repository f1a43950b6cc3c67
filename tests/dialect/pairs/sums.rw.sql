SELECT sum(log_offset) AS a, sum(log_offset::int) AS b, avg(log_offset) AS c, round(avg(log_offset), 2) AS d FROM events
