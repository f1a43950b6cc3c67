/*
description: The last revision of each solar reading, the one latest in the log.
entity: region
event_time: timestamp
tags: [solar]
*/
SELECT region, "timestamp", production_mw
FROM (
  SELECT
    region, "timestamp", production_mw,
    row_number() OVER (PARTITION BY region, "timestamp" ORDER BY log_offset DESC) AS revision
  FROM solar_events
  WHERE reason IS NULL
) AS revisions
WHERE revision = 1
