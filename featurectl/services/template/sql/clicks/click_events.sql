/*
description: Every message of the clicks topic, parsed, with the reason if it is refused.
tags: [clicks]
*/
WITH messages AS (
  {{ messages('clicks_raw') }}
),
fields AS (
  SELECT
    log_partition, log_offset, ingested_at, data, message, j,
    {{ json_field('at') }},
    {{ json_field('user_id') }},
    {{ json_field('clicks') }}
  FROM messages
),
typed AS (
  SELECT
    log_partition, log_offset, ingested_at, data, message, j,
    at_type, at_text, user_id_type, user_id_text, clicks_type,
    {{ json_time('at') }} AS event_time,
    {{ json_number('clicks') }} AS clicks
  FROM fields
),
judged AS (
  SELECT
    log_partition, log_offset, ingested_at, data, event_time, user_id_text, clicks,
    CASE
      {{ refuse_message() }}
      {{ refuse_time('at', 'event_time') }}
      {{ refuse_text('user_id', 100) }}
      {{ refuse_number('clicks', 'clicks', '0', '1000000') }}
    END AS reason
  FROM typed
)
SELECT
  log_partition,
  log_offset,
  ingested_at,
  CASE WHEN reason IS NULL THEN user_id_text END AS user_id,
  CASE WHEN reason IS NULL THEN event_time END AS at,
  CASE WHEN reason IS NULL THEN clicks END AS clicks,
  reason, -- why the message is refused; NULL if it is not
  CASE WHEN reason IS NOT NULL THEN data END AS data -- the bytes of a refused message
FROM judged
