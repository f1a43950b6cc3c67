SELECT
  CAST(sum(log_offset) AS DECIMAL(38, 0)) AS a,
  CAST(sum(TRY_CAST(log_offset AS INTEGER)) AS BIGINT) AS b,
  avg(log_offset) AS c,
  round(CAST(avg(log_offset) AS DECIMAL(38, 10)), 2) AS d
FROM events
