/*
description: Solar production by hour.
entity: region
event_time: hour
grain: 1 hour
tags: [solar]
checks:
  - production_mw >= 0
*/
SELECT
  region,
  {{ nearest_hour('"timestamp"') }} AS hour,
  {{ mean('production_mw') }} AS production_mw, -- MW, mean of the readings nearest to the hour
  count(*) AS readings -- how many readings the mean is of
FROM solar_readings
GROUP BY region, {{ nearest_hour('"timestamp"') }}
