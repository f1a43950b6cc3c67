/*
description: Clicks by user and hour, with their recent past.
entity: user_id
event_time: hour
grain: 1 hour
available_after: 1 hour
tags: [clicks]
*/
WITH windows AS (
  SELECT
    user_id,
    {{ last_hour_of_window() }} AS hour,
    -- lint: allow RW207 because click_events refuses NaN
    sum(clicks::numeric)::double precision AS clicks_24h
  FROM {{ windows_of_hours('clicks_hourly', 'hour', 24) }}
  GROUP BY user_id, {{ last_hour_of_window() }}
)
SELECT
  c.user_id,
  c.hour,
  c.clicks, -- clicks of the hour
  w.clicks_24h, -- clicks of the last 24 hours
  lag_1h.clicks AS clicks_lag_1h -- clicks of the hour before
FROM clicks_hourly AS c
LEFT JOIN windows AS w ON w.user_id = c.user_id AND w.hour = c.hour
{{ join_hours_before('clicks_hourly', 'lag_1h', 1, 'c', 'user_id', 'hour') }}
