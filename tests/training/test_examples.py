"""The examples that train on features run, and the model beats the baseline that it is held against."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from featurectl.services.backfilling import backfill
from tests.workspace import ROOT, Workspace

if TYPE_CHECKING:
    from pathlib import Path

START, END = datetime(2024, 4, 1, tzinfo=UTC), datetime(2024, 4, 26, tzinfo=UTC)


def printed(name: str, *words: str) -> str:
    words = (str(ROOT / "examples" / name), "--project", str(ROOT), *words)
    done = subprocess.run(
        [sys.executable, "-W", "error", *words], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_forecasts_from_a_training_set_and_from_sql(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "home")
    workspace.apply()
    for name in ("solar", "weather"):
        backfill(workspace.engine, workspace.settings, name, START, END, source="simulated", regions=("DE",))
    said = printed("forecast.py", "--home", str(tmp_path / "home"), "--from", "2024-04-01", "--to", "2024-04-25")
    assert re.search(r"4\d\d rows to train on, 1\d\d to test on, 14 features", said)
    lag, model = (float(re.search(rf"{who}: ([\d,]+) MW", said)[1].replace(",", "")) for who in ("before", "model"))  # type: ignore[index]
    assert model < lag
    said = printed("forecast_sql.py", "--home", str(tmp_path / "home"))
    [(rows,)] = workspace.rows("SELECT count(*) FROM features_enriched WHERE production_lag_24h IS NOT NULL")
    assert said.startswith(f"{rows:,} rows; ")
