/*
description: Clicks by user and hour.
entity: user_id
event_time: hour
grain: 1 hour
available_after: 1 hour
tags: [clicks]
checks:
  - clicks >= 0
*/
WITH revisions AS (
  SELECT
    user_id, at, clicks,
    row_number() OVER (PARTITION BY user_id, at ORDER BY log_offset DESC) AS revision
  FROM click_events
  WHERE reason IS NULL
)
SELECT
  user_id,
  date_trunc('hour', at, 'UTC') AS hour,
  -- lint: allow RW207 because click_events refuses NaN
  sum(clicks::numeric)::double precision AS clicks -- all clicks of the hour
FROM revisions
WHERE revision = 1
GROUP BY user_id, date_trunc('hour', at, 'UTC')
