/*
description: The messages of the clicks topic that are refused, with their bytes and the reason.
rejects: clicks_raw
tags: [clicks]
*/
SELECT log_partition, log_offset, ingested_at, data, reason
FROM click_events
WHERE reason IS NOT NULL
