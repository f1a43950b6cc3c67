SELECT
  rw_field_text(rw_jsonb(TRY(decode(data))), 'a b', '$."a b"') AS x
FROM raw
