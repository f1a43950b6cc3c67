SELECT log_partition, log_offset, region, ts, production_mw, reason
FROM (
  SELECT
    log_partition, log_offset,
    j ->> 'region' AS region,
    (j ->> 'timestamp')::timestamptz AS ts,
    (j ->> 'production_mw')::double precision AS production_mw,
    CASE
      WHEN j IS NULL THEN 'not json'
      WHEN jsonb_typeof(j) <> 'object' THEN 'not an object'
      WHEN jsonb_typeof(j -> 'production_mw') IS DISTINCT FROM 'number' THEN 'not a number'
      WHEN NOT (j ->> 'timestamp') ~ '(Z|[+-]\d{2}:\d{2})$' THEN 'no offset'
    END AS reason
  FROM (
    SELECT log_partition, log_offset::bigint AS log_offset, convert_from(data, 'utf8')::jsonb AS j
    FROM raw
  ) AS m
) AS typed
