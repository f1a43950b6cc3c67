#!/bin/sh
# Raw solar and weather events to features_enriched, with no server, in a folder of its own that is removed at the end.
set -eu
cd "$(dirname "$0")/.."
FEATURECTL_HOME=$(mktemp -d)
export FEATURECTL_HOME
trap 'rm -rf "$FEATURECTL_HOME"' EXIT

say() { printf '\n$ %s\n' "$*"; "$@"; }

say producers solar --source simulated --from 2024-06-01 --to 2024-07-01 --regions DE,ES
say producers weather --source simulated --from 2024-06-01 --to 2024-07-01 --regions DE,ES
say producers replay solar_production_raw examples/malformed.ndjson --raw
say featurectl apply
say featurectl run --once
say featurectl query "SELECT region, \"timestamp\", production_mw, temperature_c, production_ma_24h, production_lag_24h, is_weekend FROM features_enriched WHERE hour_of_day = 12 ORDER BY \"timestamp\" DESC, region LIMIT 4"
say featurectl rejected solar_production_raw
say featurectl status
