SELECT regexp_match(region, '^[a-z]+(-\w)?$') IS NOT NULL AS a, regexp_match(region, '^([a-z]+)(-\w)?$') AS b FROM events
