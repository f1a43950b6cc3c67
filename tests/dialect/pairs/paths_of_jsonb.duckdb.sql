SELECT
  d.log_offset,
  rw_json_text(rw_json_step(rw_json_step_at(rw_json_step(d.j, 'site'), '0', 0), 'name')) AS site,
  rw_json_concat(CASE WHEN 'site' IS NOT NULL THEN rw_json_without(d.j, ['site']) END, rw_jsonb('{"seen": true}')) AS rest,
  CASE WHEN 'site' IS NOT NULL THEN rw_json_has(d.j, 'site') END AS has_site,
  rw_field_text(e.value, 'mw', '$."mw"') AS mw
FROM (
  SELECT
    rw_jsonb(data) AS j,
    log_offset
  FROM raw2
) AS d, (SELECT unnest(rw_json_elements(rw_field(d.j, 'readings', '$."readings"'))) AS "value") AS "e"
