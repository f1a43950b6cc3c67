/*
description: Means over the last 24 hours, of the hours that have a value.
entity: region
event_time: hour
grain: 1 hour
tags: [solar]
*/
SELECT
  region,
  {{ last_hour_of_window() }} AS hour,
  {{ mean('production_mw') }} AS production_ma_24h, -- MW
  {{ mean('temperature_c') }} AS temperature_ma_24h, -- °C
  {{ mean('cloud_cover_pct') }} AS cloud_cover_ma_24h -- %
FROM {{ windows_of_hours('production_weather', 'hour', 24) }}
GROUP BY region, {{ last_hour_of_window() }}
