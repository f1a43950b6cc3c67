-- The sites whose weather stands for a region. Degrees, north and east positive; time zones by IANA name.
CREATE TABLE regions (
  region VARCHAR PRIMARY KEY,
  latitude DOUBLE PRECISION,
  longitude DOUBLE PRECISION,
  time_zone VARCHAR
);

INSERT INTO regions (region, latitude, longitude, time_zone) VALUES
  ('DE', 51.1657, 10.4515, 'Europe/Berlin'),
  ('50hertz', 52.5200, 13.4100, 'Europe/Berlin'),
  ('amprion', 51.5136, 7.4653, 'Europe/Berlin'),
  ('tennet', 49.9456, 11.5713, 'Europe/Berlin'),
  ('transnetbw', 48.7758, 9.1829, 'Europe/Berlin'),
  ('ES', 40.4168, -3.7038, 'Europe/Madrid'),
  ('FR', 46.6034, 1.8883, 'Europe/Paris'),
  ('IT', 41.9028, 12.4964, 'Europe/Rome'),
  ('AT', 47.5162, 14.5501, 'Europe/Vienna'),
  ('NL', 52.1326, 5.2913, 'Europe/Amsterdam'),
  ('BE', 50.5039, 4.4699, 'Europe/Brussels'),
  ('PL', 51.9194, 19.1451, 'Europe/Warsaw');
