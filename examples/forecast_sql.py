"""Rows to train on by plain SQL and pandas, without the training-set command.

    python examples/forecast_sql.py [--project DIR] [--home DIR]

`features_enriched` joined with itself 24 hours later. What SQL alone does not say is what was known when: a row is
taken as it is now, at its own hour, so this fits views whose rows are known at once and not revised.
"""

from __future__ import annotations

import argparse

import featurectl

QUERY = """
SELECT f.*, later.production_mw AS production_mw_in_24h
FROM features_enriched AS f
JOIN features_enriched AS later ON later.region = f.region AND later."timestamp" = f."timestamp" + INTERVAL 24 HOURS
ORDER BY f.region, f."timestamp"
"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--project", default=".")
    parser.add_argument("--home")
    options = parser.parse_args()
    with featurectl.connect(options.project, options.home) as con:
        rows = con.sql(QUERY).to_arrow_table().to_pandas()
    off = (rows["production_mw_in_24h"] - rows["production_mw"]).abs().mean()
    print(f"{len(rows):,} rows; the value 24 hours before is {off:,.0f} MW off, on average")


if __name__ == "__main__":
    main()
