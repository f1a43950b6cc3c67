/*
description: The last revision of each weather reading, the one latest in the log.
entity: [latitude, longitude]
event_time: timestamp
tags: [weather]
*/
SELECT latitude, longitude, "timestamp", temperature_c, cloud_cover_pct, solar_radiation_wm2
FROM (
  SELECT
    latitude, longitude, "timestamp", temperature_c, cloud_cover_pct, solar_radiation_wm2,
    row_number() OVER (PARTITION BY latitude, longitude, "timestamp" ORDER BY log_offset DESC) AS revision
  FROM weather_events
  WHERE reason IS NULL
) AS revisions
WHERE revision = 1
