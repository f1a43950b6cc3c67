WITH a AS (SELECT * EXCEPT (reason) FROM events) SELECT region AS "Region", ts AS "timestamp" FROM a ORDER BY ts DESC, region LIMIT 3
