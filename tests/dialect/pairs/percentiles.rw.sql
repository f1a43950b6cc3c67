SELECT
  region,
  approx_percentile(0.9, 0.001) WITHIN GROUP (ORDER BY mw) AS p90,
  arg_max(reason, mw) AS reason_at_most,
  jsonb_object_agg(reason, log_offset) FILTER (WHERE reason IS NOT NULL) AS last_offsets
FROM events
GROUP BY region
