/*
description: The messages of the solar topic that the contract refuses, with their bytes and the reason.
rejects: solar_production_raw
tags: [solar]
*/
SELECT log_partition, log_offset, ingested_at, data, reason
FROM solar_events
WHERE reason IS NOT NULL
