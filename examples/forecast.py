"""Train a model that predicts solar production 24 hours ahead, and say how it does beside yesterday's value.

    python examples/forecast.py [--project DIR] [--home DIR] --from 2024-03-01 --to 2024-06-01

Needs `pip install 'featurectl[notebook]' scikit-learn`, and features: `featurectl backfill solar …`, `… weather …`.
The training set is `features_enriched` as it was known at each hour, with the production 24 hours later as the label;
the last fifth of the time is for testing, and a day before it belongs to neither side, since its labels are of the
test's days.
"""

from __future__ import annotations

import argparse
from datetime import UTC, datetime, timedelta

from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import mean_absolute_error

import featurectl

HORIZON = timedelta(hours=24)
LABEL = "production_mw_in_24h"
NOT_FEATURES = ["region", "event_timestamp", "split", LABEL]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--project", default=".")
    parser.add_argument("--home")
    parser.add_argument("--from", dest="start", type=day, required=True)
    parser.add_argument("--to", dest="end", type=day, required=True)
    options = parser.parse_args()
    test_from = options.start + (options.end - options.start) * 0.8
    rows = (
        featurectl.FeatureStore(options.project, options.home)
        .get_historical_features(
            features=["features_enriched"],
            grid=featurectl.Grid(options.start, options.end),
            label=featurectl.Label("production_mw", HORIZON),
            split=featurectl.Split((test_from,), embargo=HORIZON),
        )
        .to_df()
        .dropna(subset=[LABEL, "production_mw"])
    )
    features = [column for column in rows if column not in NOT_FEATURES]
    train, test = rows[rows["split"] == "train"], rows[rows["split"] == "test"]
    model = HistGradientBoostingRegressor(random_state=0).fit(train[features], train[LABEL])
    print(f"{len(train):,} rows to train on, {len(test):,} to test on, {len(features)} features")
    print(
        f"the value 24 hours before: {mean_absolute_error(test[LABEL], test['production_mw']):,.0f} MW off, on average"
    )
    print(f"the model: {mean_absolute_error(test[LABEL], model.predict(test[features])):,.0f} MW off, on average")


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


if __name__ == "__main__":
    main()
