SELECT
  list_transform([rw_jsonb(TRY(decode(data)))], lambda rw_document: rw_field_text(rw_document, 'a b', '$."a b"'))[1] AS x
FROM raw
