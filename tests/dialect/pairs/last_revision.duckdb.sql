SELECT
  region,
  ts,
  mw
FROM (
  SELECT
    region,
    ts,
    arg_max_null(mw, coalesce(CAST(log_offset AS HUGEINT), 9223372036854775808)) AS "mw",
    CAST(1 AS BIGINT) AS rn
  FROM events
  WHERE
    reason IS NULL
  GROUP BY
    region,
    ts
) AS revisions
WHERE
  rn = 1
