/*
description: Hourly production beside the weather at the region's site, one row for each region and hour with production.
entity: region
event_time: hour
grain: 1 hour
tags: [solar]
*/
SELECT
  p.region,
  p.hour,
  p.production_mw, -- MW
  w.temperature_c, -- °C
  w.cloud_cover_pct, -- %
  w.solar_radiation_wm2, -- W/m²
  w.latitude,
  w.longitude
FROM solar_hourly AS p
LEFT JOIN weather_hourly AS w ON w.region = p.region AND w.hour = p.hour
