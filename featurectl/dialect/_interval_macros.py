"""DuckDB macros for intervals and times of day: their texts, and their products with numbers."""

from __future__ import annotations

__all__ = ["INTERVALS"]

_WHOLE_HOURS = "CAST(us // 3600000000 AS VARCHAR)"
_MONTHS = "(extract(year FROM i) * 12 + extract(month FROM i))"
_IS_AFTER_NEGATIVE = f"extract(day FROM i) < 0 OR (extract(day FROM i) = 0 AND {_MONTHS} < 0)"

INTERVALS = {
    "rw_time_text(t)": (
        "CASE WHEN epoch_us(t) % 1000000 = 0 THEN CAST(t AS VARCHAR) ELSE split_part(CAST(t AS VARCHAR), '.', 1) "
        "|| '.' || rpad(split_part(CAST(t AS VARCHAR), '.', 2), CASE WHEN epoch_us(t) % 1000 = 0 THEN 3 ELSE 6 END, "
        "'0') END"
    ),
    # a time of day does not go round midnight, and of an interval it takes the hours and less
    "rw_time_plus(t, us)": (
        "CASE WHEN epoch_us(t) + us BETWEEN 0 AND 86399999999 THEN "
        "CAST(TIMESTAMP '1970-01-01' + to_microseconds(CAST(epoch_us(t) + us AS BIGINT)) AS TIME) END"
    ),
    "rw_clock_text(us)": (
        f"lpad({_WHOLE_HOURS}, CAST(greatest(2, length({_WHOLE_HOURS})) AS INTEGER), '0') || ':' || "
        "lpad(CAST(us // 60000000 % 60 AS VARCHAR), 2, '0') || ':' || "
        "lpad(CAST(us // 1000000 % 60 AS VARCHAR), 2, '0') || CASE WHEN us % 1000000 <> 0 THEN "
        "'.' || rtrim(lpad(CAST(us % 1000000 AS VARCHAR), 6, '0'), '0') ELSE '' END"
    ),
    "rw_counted(n, before, unit)": (
        "CASE WHEN n <> 0 THEN CASE WHEN n > 0 AND before < 0 THEN '+' ELSE '' END || n || ' ' || unit || "
        "CASE WHEN n = 1 THEN '' ELSE 's' END END"
    ),
    "rw_clock_us(i)": (
        "extract(hour FROM i) * 3600000000 + extract(minute FROM i) * 60000000 + extract(microsecond FROM i)"
    ),
    # a part that goes on behind one that goes back has a sign
    "rw_interval_text(i)": (
        "CASE WHEN i IS NOT NULL THEN concat_ws(' ', rw_counted(extract(year FROM i), 0, 'year'), "
        "rw_counted(extract(month FROM i), extract(year FROM i), 'mon'), "
        f"rw_counted(extract(day FROM i), {_MONTHS}, 'day'), "
        "CASE WHEN rw_clock_us(i) < 0 THEN '-' || rw_clock_text(-rw_clock_us(i)) WHEN rw_clock_us(i) > 0 "
        f"THEN CASE WHEN {_IS_AFTER_NEGATIVE} THEN '+' ELSE '' END || rw_clock_text(rw_clock_us(i)) "
        f"WHEN extract(day FROM i) = 0 AND {_MONTHS} = 0 THEN '00:00:00' END) END"
    ),
    # a fraction of a month is of 30 days, one of a day of 24 hours, each rounded to microseconds on its way
    "rw_to_months(x)": "round_even(x * 2592000000000, 0) / 2592000000000",
    "rw_to_days(x)": "round_even(x * 86400000000, 0) / 86400000000",
    "rw_fraction(x)": "x - trunc(x)",
    "rw_interval_of(m, d, us)": (
        "list_transform(list_transform(list_transform([{m: rw_to_months(m), d: rw_to_days(d)}], "
        "lambda p: {m: trunc(p.m), l: rw_to_days(rw_fraction(p.m) * 30), d: p.d}), "
        "lambda p: {m: p.m, d: trunc(p.d) + trunc(p.l), f: rw_to_days(rw_fraction(p.d) + rw_fraction(p.l))}), "
        "lambda p: to_months(TRY_CAST(p.m AS INTEGER)) + to_days(TRY_CAST(p.d + trunc(p.f) AS INTEGER)) "
        "+ to_microseconds(TRY_CAST(round_even(us + rw_fraction(p.f) * 86400000000, 0) AS BIGINT)))[1]"
    ),
    "rw_interval_times(i, x)": f"rw_interval_of({_MONTHS} * x, extract(day FROM i) * x, rw_clock_us(i) * x)",
    "rw_interval_over(i, x)": f"rw_interval_of({_MONTHS} / x, extract(day FROM i) / x, rw_clock_us(i) / x)",
}
