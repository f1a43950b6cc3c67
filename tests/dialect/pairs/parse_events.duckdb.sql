SELECT
  log_partition,
  log_offset,
  region,
  ts,
  production_mw,
  reason
FROM (
  SELECT
    log_partition,
    log_offset,
    rw_piece_text("m"."rw_j_pieces"."region") AS region,
    rw_timestamptz(rw_piece_text("m"."rw_j_pieces"."timestamp")) AS ts,
    TRY_CAST(rw_float(rw_piece_text("m"."rw_j_pieces"."production_mw")) AS DOUBLE) AS production_mw,
    CASE
      WHEN j IS NULL
      THEN 'not json'
      WHEN rw_jsonb_typeof(j) <> 'object'
      THEN 'not an object'
      WHEN rw_piece_typeof("m"."rw_j_pieces"."production_mw", j, 'production_mw') IS DISTINCT FROM 'number'
      THEN 'not a number'
      WHEN NOT regexp_matches(rw_piece_text("m"."rw_j_pieces"."timestamp"), '(Z|[+-]\p{Nd}{2}:\p{Nd}{2})$')
      THEN 'no offset'
    END AS reason
  FROM (SELECT *, CASE WHEN rw_maybe_twice("m"."j", 'region') OR rw_maybe_twice("m"."j", 'timestamp') OR rw_maybe_twice("m"."j", 'production_mw') THEN struct_pack("region" := rw_last_field("m"."j", 'region'), "timestamp" := rw_last_field("m"."j", 'timestamp'), "production_mw" := rw_last_field("m"."j", 'production_mw')) ELSE json_transform("m"."j", '{"region": "JSON", "timestamp": "JSON", "production_mw": "JSON"}') END AS "rw_j_pieces" FROM (
    SELECT
      log_partition,
      TRY_CAST(rw_digits(log_offset) AS BIGINT) AS log_offset,
      rw_jsonb(TRY(decode(data))) AS j
    FROM raw
  ) AS m) AS "m"
) AS typed
