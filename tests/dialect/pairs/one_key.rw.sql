SELECT convert_from(data, 'utf8')::jsonb ->> 'a b' AS x FROM raw
