WITH a AS (
  SELECT
    *
    EXCLUDE (reason)
  FROM events
)
SELECT
  region AS "Region",
  ts AS "timestamp"
FROM a
ORDER BY
  ts DESC NULLS FIRST,
  region NULLS LAST
LIMIT 3
