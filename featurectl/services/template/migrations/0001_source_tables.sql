-- The raw events of the topic: every message's bytes as they came, with where and when it was ingested.
CREATE TABLE clicks_raw (data BYTEA) APPEND ONLY
INCLUDE partition AS log_partition
INCLUDE offset AS log_offset
INCLUDE timestamp AS ingested_at
WITH (
  connector = 'kafka',
  topic = '{{ topic("clicks") }}',
  {{ kafka_properties() }},
  scan.startup.mode = 'earliest'
) FORMAT PLAIN ENCODE BYTES;
