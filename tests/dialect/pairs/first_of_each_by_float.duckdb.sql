SELECT
  region,
  mw
FROM (
  SELECT
    region,
    mw,
    row_number() OVER (PARTITION BY region ORDER BY mw NULLS LAST) AS rn
  FROM events
) AS r
WHERE
  rn = 1
