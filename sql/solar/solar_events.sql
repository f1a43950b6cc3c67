/*
description: Every message of the solar topic, parsed, with the reason if it is refused.
tags: [solar, internal]
*/
WITH messages AS (
  {{ messages('solar_production_raw') }}
),
fields AS (
  SELECT
    log_partition, log_offset, ingested_at, data, message, j,
    {{ json_field('timestamp') }},
    {{ json_field('production_mw') }},
    {{ json_field('region') }}
  FROM messages
),
typed AS (
  SELECT
    log_partition, log_offset, ingested_at, data, message, j,
    timestamp_type, timestamp_text, production_mw_type, region_type, region_text,
    {{ json_time('timestamp') }} AS event_time,
    {{ json_number('production_mw') }} AS production_mw
  FROM fields
),
judged AS (
  SELECT
    log_partition, log_offset, ingested_at, data, event_time, production_mw, region_text,
    CASE
      {{ refuse_message() }}
      {{ refuse_time('timestamp', 'event_time') }}
      {{ refuse_number('production_mw', 'production_mw', '0', '10000000') }}
      {{ refuse_text('region', 100) }}
    END AS reason
  FROM typed
)
SELECT
  log_partition,
  log_offset,
  ingested_at,
  CASE WHEN reason IS NULL THEN region_text END AS region,
  CASE WHEN reason IS NULL THEN event_time END AS "timestamp",
  CASE WHEN reason IS NULL THEN production_mw END AS production_mw, -- MW
  reason, -- why the message is refused; NULL if it is not
  CASE WHEN reason IS NOT NULL THEN data END AS data -- the bytes of a refused message
FROM judged
