SELECT
  region,
  rw_bucket_middle(rw_at_rank(list(CASE WHEN isnan(CAST(mw AS DOUBLE)) THEN 1 ELSE CAST(mw AS DOUBLE) END ORDER BY CASE WHEN isnan(CAST(mw AS DOUBLE)) THEN 1 ELSE CAST(mw AS DOUBLE) END), CAST(0.9 AS DOUBLE)), CAST(1.002002002002002 AS DOUBLE)) AS p90,
  arg_max(reason, mw) AS reason_at_most,
  coalesce(list_transform([list({'k': reason, 'v': coalesce(to_json(log_offset), CAST('null' AS JSON))} ORDER BY reason) FILTER (WHERE NOT reason IS NULL)], lambda rw_ms: rw_object(rw_ms))[1], CAST('{}' AS JSON)) AS last_offsets
FROM events
GROUP BY
  region
