SELECT
  coalesce(regexp_matches(region, '^[a-z]+(-[\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}])?$'), false) AS a,
  CASE WHEN regexp_matches(region, '^([a-z]+)(-[\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}])?$') THEN [regexp_extract(region, '^([a-z]+)(-[\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}])?$', 1), nullif(regexp_extract(region, '^([a-z]+)(-[\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}])?$', 2), '')] END AS b
FROM events
