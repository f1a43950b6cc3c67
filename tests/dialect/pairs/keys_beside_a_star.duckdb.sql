SELECT
  m.*
  EXCLUDE ("rw_j_pieces"),
  rw_piece_text("m"."rw_j_pieces"."a") AS a,
  rw_piece_typeof("m"."rw_j_pieces"."b", j, 'b') AS b
FROM (SELECT *, CASE WHEN rw_maybe_twice("m"."j", 'a') OR rw_maybe_twice("m"."j", 'b') THEN struct_pack("a" := rw_last_field("m"."j", 'a'), "b" := rw_last_field("m"."j", 'b')) ELSE json_transform("m"."j", '{"a": "JSON", "b": "JSON"}') END AS "rw_j_pieces" FROM (
  SELECT
    log_offset,
    rw_jsonb(data) AS j
  FROM raw2
) AS m) AS "m"
