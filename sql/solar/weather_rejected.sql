/*
description: The messages of the weather topic that the contract refuses, with their bytes and the reason.
rejects: weather_raw
tags: [weather]
*/
SELECT log_partition, log_offset, ingested_at, data, reason
FROM weather_events
WHERE reason IS NOT NULL
