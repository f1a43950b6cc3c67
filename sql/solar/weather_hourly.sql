/*
description: Weather by hour and region. A reading belongs to each region whose site has its coordinates to two decimals.
entity: region
event_time: hour
grain: 1 hour
tags: [weather]
*/
WITH sites AS (
  SELECT
    region,
    floor(latitude * 100 + 0.5) AS latitude_2,
    floor(longitude * 100 + 0.5) AS longitude_2
  FROM regions
),
readings AS (
  SELECT
    {{ nearest_hour('"timestamp"') }} AS hour,
    latitude, longitude, temperature_c, cloud_cover_pct, solar_radiation_wm2,
    floor(latitude * 100 + 0.5) AS latitude_2,
    floor(longitude * 100 + 0.5) AS longitude_2
  FROM weather_readings
)
SELECT
  s.region,
  r.hour,
  {{ mean('r.temperature_c') }} AS temperature_c, -- °C, mean of the readings nearest to the hour
  {{ mean('r.cloud_cover_pct') }} AS cloud_cover_pct, -- %
  {{ mean('r.solar_radiation_wm2') }} AS solar_radiation_wm2, -- W/m²
  {{ mean('r.latitude') }} AS latitude, -- degrees north, mean of the readings
  {{ mean('r.longitude') }} AS longitude -- degrees east, mean of the readings
FROM readings AS r
JOIN sites AS s ON s.latitude_2 = r.latitude_2 AND s.longitude_2 = r.longitude_2
GROUP BY s.region, r.hour
