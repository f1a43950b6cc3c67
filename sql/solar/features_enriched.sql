/*
description: Hourly solar production beside the weather at the region's site, with its recent past.
entity: region
event_time: timestamp
grain: 1 hour
available_after: 1 hour
owner: forecasting
tags: [solar]
checks:
  - production_mw >= 0
  - cloud_cover_pct BETWEEN 0 AND 100
*/
SELECT
  p.region,
  p.hour AS "timestamp",
  p.production_mw, -- MW, mean of the readings nearest to the hour
  p.temperature_c, -- °C, at the region's site
  p.cloud_cover_pct, -- %, at the region's site
  p.solar_radiation_wm2, -- W/m², at the region's site
  p.latitude, -- degrees north, of the weather readings
  p.longitude, -- degrees east, of the weather readings
  w.production_ma_24h, -- MW, mean of the last 24 hours
  w.temperature_ma_24h, -- °C, mean of the last 24 hours
  w.cloud_cover_ma_24h, -- %, mean of the last 24 hours
  lag_1h.production_mw AS production_lag_1h, -- MW, exactly 1 hour earlier
  lag_24h.production_mw AS production_lag_24h, -- MW, exactly 24 hours earlier
  extract(hour FROM p.hour AT TIME ZONE 'UTC')::int AS hour_of_day, -- 0 to 23, UTC
  extract(isodow FROM p.hour AT TIME ZONE 'UTC')::int - 1 AS day_of_week, -- Monday = 0, UTC
  extract(isodow FROM p.hour AT TIME ZONE 'UTC')::int >= 6 AS is_weekend -- Saturday or Sunday, UTC
FROM production_weather AS p
{{ join_hours_before('production_weather', 'lag_1h', 1, 'p', 'region', 'hour') }}
{{ join_hours_before('production_weather', 'lag_24h', 24, 'p', 'region', 'hour') }}
LEFT JOIN production_windows AS w ON w.region = p.region AND w.hour = p.hour
