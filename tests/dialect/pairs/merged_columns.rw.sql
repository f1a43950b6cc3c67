SELECT *
FROM (SELECT region, ts, mw FROM events) AS a
LEFT JOIN (SELECT ts, region, reason FROM events) AS b USING (region, ts)
