/*
description: Every message of the weather topic, parsed, with the reason if it is refused.
tags: [weather, internal]
*/
WITH messages AS (
  {{ messages('weather_raw') }}
),
fields AS (
  SELECT
    log_partition, log_offset, ingested_at, data, message, j,
    {{ json_field('timestamp') }},
    {{ json_field('temperature_c') }},
    {{ json_field('cloud_cover_pct') }},
    {{ json_field('solar_radiation_wm2') }},
    {{ json_field('latitude') }},
    {{ json_field('longitude') }}
  FROM messages
),
typed AS (
  SELECT
    log_partition, log_offset, ingested_at, data, message, j,
    timestamp_type, timestamp_text, temperature_c_type, cloud_cover_pct_type, solar_radiation_wm2_type,
    latitude_type, longitude_type,
    {{ json_time('timestamp') }} AS event_time,
    {{ json_number('temperature_c') }} AS temperature_c,
    {{ json_number('cloud_cover_pct') }} AS cloud_cover_pct,
    {{ json_number('solar_radiation_wm2') }} AS solar_radiation_wm2,
    {{ json_number('latitude') }} AS latitude,
    {{ json_number('longitude') }} AS longitude
  FROM fields
),
judged AS (
  SELECT
    log_partition, log_offset, ingested_at, data, event_time,
    temperature_c, cloud_cover_pct, solar_radiation_wm2, latitude, longitude,
    CASE
      {{ refuse_message() }}
      {{ refuse_time('timestamp', 'event_time') }}
      {{ refuse_number('temperature_c', 'temperature_c', '-1000', '1000', nullable=true) }}
      {{ refuse_number('cloud_cover_pct', 'cloud_cover_pct', '0', '100', nullable=true) }}
      {{ refuse_number('solar_radiation_wm2', 'solar_radiation_wm2', '-100000', '100000', nullable=true) }}
      {{ refuse_number('latitude', 'latitude', '-90', '90') }}
      {{ refuse_number('longitude', 'longitude', '-180', '180') }}
    END AS reason
  FROM typed
)
SELECT
  log_partition,
  log_offset,
  ingested_at,
  CASE WHEN reason IS NULL THEN latitude END AS latitude, -- degrees north
  CASE WHEN reason IS NULL THEN longitude END AS longitude, -- degrees east
  CASE WHEN reason IS NULL THEN event_time END AS "timestamp",
  CASE WHEN reason IS NULL THEN temperature_c END AS temperature_c, -- °C
  CASE WHEN reason IS NULL THEN cloud_cover_pct END AS cloud_cover_pct, -- %
  CASE WHEN reason IS NULL THEN solar_radiation_wm2 END AS solar_radiation_wm2, -- W/m²
  reason, -- why the message is refused; NULL if it is not
  CASE WHEN reason IS NOT NULL THEN data END AS data -- the bytes of a refused message
FROM judged
