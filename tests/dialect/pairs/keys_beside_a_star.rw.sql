SELECT m.*, j ->> 'a' AS a, jsonb_typeof(j -> 'b') AS b FROM (SELECT log_offset, data::varchar::jsonb AS j FROM raw2) AS m
