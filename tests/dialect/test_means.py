"""`avg(x::numeric)` of doubles: to a double's last digit, NaN if one is, and what is beyond 28 digits left out."""

from __future__ import annotations

import math

import duckdb
import pytest

from featurectl.dialect import MACROS, translate

NO_NUMERIC = ("NULL", "'1e29'")


@pytest.mark.parametrize(
    ("values", "mean"),
    [
        (["0.0012345678901234", "0.1", "0.2"], 0.10041152263004113),
        (["1e-15", "3e-15"], 2e-15),
        (["1e7", "1", "-1e7"], 1 / 3),
        (["'1e28'", "'1e29'"], 1e28),
        (["'NaN'::double precision", "4", "NULL"], math.nan),
        (["'Infinity'::double precision", "4"], math.nan),
        (["NULL"], None),
    ],
)
def test_the_mean_of_doubles_as_decimals(values: list[str], mean: float | None) -> None:
    rows = ", ".join(f"({value}::double precision)" for value in values)
    con = duckdb.connect()
    for macro in MACROS:
        con.execute(macro)
    translated = translate(
        f"SELECT avg(x::numeric)::double precision AS m, count(x::numeric) AS n FROM (VALUES {rows}) AS t (x)"
    )
    [[got, counted]] = con.execute(translated).fetchall()
    assert got == (None if mean is None else pytest.approx(mean, rel=1e-9, nan_ok=True))
    assert counted == sum(value not in NO_NUMERIC for value in values)
