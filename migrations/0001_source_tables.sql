-- The raw events of each topic: every message's bytes as they came, with where and when it was ingested.
-- Nothing is parsed here: a field that is added to the contract later is found in old events too.
CREATE TABLE solar_production_raw (data BYTEA) APPEND ONLY
INCLUDE partition AS log_partition
INCLUDE offset AS log_offset
INCLUDE timestamp AS ingested_at
WITH (
  connector = 'kafka',
  topic = '{{ topic("solar") }}',
  {{ kafka_properties() }},
  scan.startup.mode = 'earliest'
) FORMAT PLAIN ENCODE BYTES;

CREATE TABLE weather_raw (data BYTEA) APPEND ONLY
INCLUDE partition AS log_partition
INCLUDE offset AS log_offset
INCLUDE timestamp AS ingested_at
WITH (
  connector = 'kafka',
  topic = '{{ topic("weather") }}',
  {{ kafka_properties() }},
  scan.startup.mode = 'earliest'
) FORMAT PLAIN ENCODE BYTES;
