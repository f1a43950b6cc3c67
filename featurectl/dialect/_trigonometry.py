"""Trigonometry: RisingWave answers NaN where DuckDB raises, and degrees have exact values at 0, 30, 45, 60, 90."""

from __future__ import annotations

__all__ = ["DOUBLE_FUNCTIONS", "TRIGONOMETRY"]

_FINITE = ("sin", "cos", "tan")  # of an infinity: NaN
_UNIT = ("asin", "acos")  # beyond [-1, 1]: NaN
_PLAIN = ("atan", "sinh", "cosh", "tanh", "asinh", "degrees", "radians")

_NAN = "CAST('NaN' AS DOUBLE)"
_WHERE_FINITE = f"CASE WHEN isnan(x) OR isinf(x) THEN {_NAN} ELSE"
# The angle in the first quadrant, and the sign, of an angle in degrees
_TURN = "(abs(x) % 360)"
_HALF = f"(CASE WHEN {_TURN} > 180 THEN 360 - {_TURN} ELSE {_TURN} END)"
_QUARTER = f"(CASE WHEN {_HALF} > 90 THEN 180 - {_HALF} ELSE {_HALF} END)"
_ODD = f"((x < 0) <> ({_TURN} > 180))"
_ODD_TAN = f"({_ODD} <> ({_HALF} > 90))"

TRIGONOMETRY: dict[str, str] = {
    **{f"rw_{name}(x)": f"CASE WHEN isinf(x) THEN {_NAN} ELSE {name}(x) END" for name in _FINITE},
    **{f"rw_{name}(x)": f"CASE WHEN abs(x) > 1 THEN {_NAN} ELSE {name}(x) END" for name in _UNIT},
    "rw_cot(x)": f"CASE WHEN isinf(x) THEN {_NAN} ELSE 1 / tan(x) END",
    "rw_coth(x)": f"CASE WHEN x = 0 OR isinf(x) THEN {_NAN} ELSE cosh(x) / sinh(x) END",
    "rw_acosh(x)": f"CASE WHEN x < 1 THEN {_NAN} ELSE acosh(x) END",
    "rw_atanh(x)": (
        f"CASE WHEN abs(x) > 1 THEN {_NAN} WHEN abs(x) = 1 THEN x * CAST('Infinity' AS DOUBLE) ELSE atanh(x) END"
    ),
    "rw_sin_0_30(x)": "sin(radians(x)) / sin(radians(30)) / 2",
    "rw_cos_0_60(x)": "1 - (1 - cos(radians(x))) / (1 - cos(radians(60))) / 2",
    "rw_sin_q1(x)": "CASE WHEN x <= 30 THEN rw_sin_0_30(x) ELSE rw_cos_0_60(90 - x) END",
    "rw_cos_q1(x)": "CASE WHEN x <= 60 THEN rw_cos_0_60(x) ELSE rw_sin_0_30(90 - x) END",
    "rw_sind(x)": f"{_WHERE_FINITE} rw_sin_q1({_QUARTER}) * (CASE WHEN {_ODD} THEN -1 ELSE 1 END) END",
    "rw_cosd(x)": f"{_WHERE_FINITE} rw_cos_q1({_QUARTER}) * (CASE WHEN {_HALF} > 90 THEN -1 ELSE 1 END) END",
    "rw_tand(x)": (
        f"{_WHERE_FINITE} CASE {_QUARTER} WHEN 45 THEN 1.0 WHEN 0 THEN 0.0 "
        f"ELSE rw_sin_q1({_QUARTER}) / rw_cos_q1({_QUARTER}) / tan(radians(45)) END "
        f"* (CASE WHEN {_ODD_TAN} AND {_QUARTER} <> 0 THEN -1 ELSE 1 END) END"
    ),
    "rw_cotd(x)": (
        f"{_WHERE_FINITE} CASE {_QUARTER} WHEN 45 THEN 1.0 WHEN 90 THEN 0.0 "
        f"ELSE rw_cos_q1({_QUARTER}) / rw_sin_q1({_QUARTER}) / (cos(radians(45)) / sin(radians(45))) END "
        f"* (CASE WHEN {_ODD_TAN} AND {_QUARTER} <> 90 THEN -1 ELSE 1 END) END"
    ),
    "rw_asin_q1(x)": "CASE WHEN x <= 0.5 THEN asin(x) / asin(0.5) * 30 ELSE 90 - acos(x) / acos(0.5) * 60 END",
    "rw_acos_q1(x)": "CASE WHEN x <= 0.5 THEN 90 - asin(x) / asin(0.5) * 30 ELSE acos(x) / acos(0.5) * 60 END",
    "rw_asind(x)": (
        f"CASE WHEN isnan(x) OR abs(x) > 1 THEN {_NAN} WHEN x >= 0 THEN rw_asin_q1(x) ELSE -rw_asin_q1(-x) END"
    ),
    "rw_acosd(x)": (
        f"CASE WHEN isnan(x) OR abs(x) > 1 THEN {_NAN} WHEN x >= 0 THEN rw_acos_q1(x) ELSE 90 + rw_asin_q1(-x) END"
    ),
    "rw_atand(x)": "atan(x) / atan(1) * 45",
    "rw_atan2d(x, y)": "atan2(x, y) / atan(1) * 45",
}

# RisingWave's functions of doubles, and what each is here.
DOUBLE_FUNCTIONS: dict[str, str] = {
    **{name: f"{name}({{0}})" for name in _PLAIN},
    **{head[3 : head.index("(")]: f"{head[: head.index('(')]}({{0}})" for head in TRIGONOMETRY if "_q1" not in head},
    "atan2": "atan2({0}, {1})",
    "atan2d": "rw_atan2d({0}, {1})",
}
for _helper in ("sin_0_30", "cos_0_60"):
    del DOUBLE_FUNCTIONS[_helper]
