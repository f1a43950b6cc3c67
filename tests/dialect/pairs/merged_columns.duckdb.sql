SELECT
  "a"."ts" AS "ts",
  "a"."region" AS "region",
  "a"."mw",
  "b"."reason"
FROM (
  SELECT
    region,
    ts,
    mw
  FROM events
) AS a
LEFT JOIN (
  SELECT
    ts,
    region,
    reason
  FROM events
) AS b
  USING (region, ts)
