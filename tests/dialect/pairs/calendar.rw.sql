SELECT extract(hour FROM ts)::int AS h, extract(isodow FROM ts)::int - 1 AS d, extract(isodow FROM ts) >= 6 AS w,
  EXTRACT(EPOCH FROM ts) AS e FROM events
