"""How many rows of a cursor are asked for at once."""

from __future__ import annotations

from featurectl.engines.risingwave.reading import _rows_to_ask_for

MIB = 1 << 20


def test_a_batch_of_large_rows_has_few_of_them() -> None:
    assert _rows_to_ask_for([(1, "x" * MIB)] * 100) == 7
    assert _rows_to_ask_for([("x" * 50 * MIB,)]) == 1
    mixed = [("x",)] * 99 + [("x" * MIB,)]
    assert _rows_to_ask_for(mixed[::-1]) < 500


def test_small_rows_come_in_ever_larger_batches_up_to_a_limit() -> None:
    asked = [100]
    while asked[-1] < 10_000:
        asked.append(_rows_to_ask_for([(1, None, b"xyz")] * asked[-1]))
    assert asked == [100, 800, 6400, 10_000]
    assert _rows_to_ask_for([(1,)] * 10_000) == 10_000
