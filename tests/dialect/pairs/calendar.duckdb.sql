SELECT
  CAST(extract(hour FROM rw_utc(ts)) AS INTEGER) AS h,
  TRY((CAST(extract(isodow FROM rw_utc(ts)) AS INTEGER) - 1)) AS d,
  CAST(extract(isodow FROM rw_utc(ts)) AS DECIMAL(18, 0)) >= 6 AS w,
  CAST(epoch_us(rw_utc(ts)) * 0.000001 AS DECIMAL(38, 6)) AS e
FROM events
