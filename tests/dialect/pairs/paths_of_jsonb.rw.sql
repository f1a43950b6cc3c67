SELECT
  d.log_offset,
  d.j #>> '{site,0,name}' AS site,
  (d.j - 'site') || '{"seen": true}' AS rest,
  d.j ? 'site' AS has_site,
  e.value ->> 'mw' AS mw
FROM (SELECT data::jsonb AS j, log_offset FROM raw2) AS d, jsonb_array_elements(d.j -> 'readings') AS e (value)
