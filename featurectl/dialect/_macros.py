r"""DuckDB macros that translated SQL relies on: pure SQL, so that any DuckDB can read the views.

Those for text know RisingWave's spellings, where DuckDB reads more generously. All answer NULL for what
RisingWave refuses; outside a view `rw_checked` makes that an error.
"""

from __future__ import annotations

import re
from functools import cache

from featurectl.dialect._interval_macros import INTERVALS
from featurectl.dialect._json_macros import JSON_MACROS
from featurectl.dialect._trigonometry import TRIGONOMETRY

__all__ = ["MACROS", "macros_for"]

_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,9})?)?"
_OFFSET = r"[+-]([01][0-9]|2[0-3])(:?[0-9]{2})?"

# Numbers that serde_json refuses and DuckDB's parser takes: NaN, infinities, trailing commas, and
# numbers out of a double's range. First a cheap look that "Nanterre" passes only if it follows a
# comma; the strings are taken out for those few documents only.
_STRAY = r"(?:^|[:,\[])[ \t\r\n]*-?(?:[nN][aA]|[iI])|,[ \t\r\n]*[\]}]"
_HUGE = r"[eE][+]?[0-9]{3}|[0-9]{40}"
_JSON_STRING = r'"(?:[^"\\]|\\.)*"'
_JSON_NUMBER = r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"

_TYPE_BY_CHARACTER = {
    " ": "NULL", '"': "'string'", "{": "'object'", "[": "'array'", "n": "'null'", "t": "'boolean'", "f": "'boolean'",
    **dict.fromkeys("-0123456789", "'number'"),
}  # fmt: skip

_DEFINITIONS = {
    "rw_checked(x, y, message)": "CASE WHEN y IS NULL AND x IS NOT NULL THEN error(message) ELSE y END",
    "rw_digits(t)": r"CASE WHEN regexp_full_match(t, '\s*[+-]?[0-9]+\s*') THEN t END",
    "rw_float(t)": "CASE WHEN NOT contains(t, '_') THEN t END",
    "rw_boolean(t)": (
        "CASE WHEN lower(trim(t)) IN ('true', 'tru', 'tr', 't', 'on', '1', 'yes', 'ye', 'y') THEN true "
        "WHEN lower(trim(t)) IN ('false', 'fals', 'fal', 'fa', 'f', 'off', 'of', '0', 'no', 'n') "
        "THEN false END"
    ),
    "rw_date(t)": rf"CASE WHEN regexp_full_match(t, '\s*{_DATE}\s*') THEN TRY_CAST(t AS DATE) END",
    "rw_time(t)": rf"CASE WHEN regexp_full_match(t, '\s*{_CLOCK}\s*') THEN TRY_CAST(t AS TIME) END",
    "rw_timestamp(t)": (
        rf"CASE WHEN regexp_full_match(t, '\s*{_DATE}([Tt ]{_CLOCK}({_OFFSET})?)?\s*') "
        "THEN TRY_CAST(upper(t) AS TIMESTAMP) END"
    ),
    # the usual spelling is known by its shape, which is cheaper than the regular expression
    "rw_is_plain_instant(t)": (
        "t LIKE '____-__-__T__:__:__Z' AND ascii(t) BETWEEN 48 AND 57 AND substr(t, 12, 2) < '24' "
        "AND NOT contains(t, ' ') AND NOT contains(t, '.')"
    ),
    "rw_timestamptz(t)": (
        "CASE WHEN rw_is_plain_instant(t) THEN TRY_CAST(t AS TIMESTAMPTZ) "
        rf"WHEN regexp_full_match(t, '\s*{_DATE}([Tt ]{_CLOCK}( ?([Zz]|[Uu][Tt][Cc]|{_OFFSET}))?)?\s*') "
        "THEN TRY_CAST(replace(upper(CASE WHEN contains(t, ' ') THEN regexp_replace(t, ' +([-+ZzUu])', '\\1') "
        "ELSE t END), 'UTC', 'Z') AS TIMESTAMPTZ) END"
    ),
    # DuckDB reckons with TIMESTAMPTZ in the session's zone, through a calendar that costs ten times the arithmetic;
    # here all times are UTC instants, so they are reckoned with as plain timestamps.
    "rw_utc(t)": "make_timestamp(epoch_us(t))",
    "rw_instant(t)": "make_timestamptz(epoch_us(t))",
    "rw_timestamp_text(t)": (
        "CASE WHEN epoch_us(t) % 1000000 = 0 THEN strftime(t, '%Y-%m-%d %H:%M:%S') "
        "WHEN epoch_us(t) % 1000 = 0 THEN strftime(t, '%Y-%m-%d %H:%M:%S.%g') "
        "ELSE strftime(t, '%Y-%m-%d %H:%M:%S.%f') END"
    ),
    "rw_timestamptz_text(t)": "rw_timestamp_text(rw_utc(t)) || '+00:00'",
    "rw_json_is_strict(t)": (
        f"NOT regexp_matches(regexp_replace(t, '{_JSON_STRING}', '\"\"', 'g'), '{_STRAY}') "
        "AND len(list_filter(regexp_extract_all("
        f"regexp_replace(t, '{_JSON_STRING}', '\"\"', 'g'), '{_JSON_NUMBER}'), "
        "lambda n: isinf(TRY_CAST(n AS DOUBLE)))) = 0"
    ),
    "rw_jsonb(t)": (
        f"CASE WHEN NOT regexp_matches(t, '{_STRAY}|{_HUGE}') OR rw_json_is_strict(t) THEN TRY_CAST(t AS JSON) END"
    ),
    # The first character tells the type; before it there may be blanks. A place in a list, where a CASE would be
    # planned branch by branch, each with all that `t` stands for.
    "rw_text_typeof(t)": (
        f"list_value({', '.join(_TYPE_BY_CHARACTER.values())})[instr('{''.join(_TYPE_BY_CHARACTER)}', t[1])]"
    ),
    "rw_jsonb_typeof(j)": (
        "rw_text_typeof(CASE WHEN ascii(CAST(j AS VARCHAR)) > 32 THEN CAST(j AS VARCHAR) "
        "ELSE ltrim(CAST(j AS VARCHAR), chr(32) || chr(9) || chr(10) || chr(13)) END)"
    ),
    "rw_jsonb_number(j)": ("CASE WHEN rw_jsonb_typeof(j) = 'number' THEN TRY_CAST(CAST(j AS VARCHAR) AS DOUBLE) END"),
    "rw_jsonb_boolean(j)": "CASE CAST(j AS VARCHAR) WHEN 'true' THEN true WHEN 'false' THEN false END",
    "rw_jsonb_array_length(j)": ("CASE WHEN json_type(j) = 'ARRAY' THEN CAST(json_array_length(j) AS INTEGER) END"),
    # RisingWave prints a blank behind each comma and colon; the keys stay in the document's order here
    "rw_spaced(t)": ("rtrim(regexp_replace(t, '((?:\"(?:[^\"\\\\]|\\\\.)*\"|[^,:\"])*)([,:]|$)', '\\1\\2 ', 'g'))"),
    "rw_text_of(t)": (
        "CASE WHEN ascii(t) = 34 THEN CASE WHEN contains(t, '\\') THEN json_extract_string(t, '$') "
        "ELSE substr(t, 2, length(t) - 2) END "
        "WHEN ascii(t) IN (91, 123) THEN rw_spaced(t) WHEN ascii(t) <> 110 THEN t END"
    ),
    # Of a key that occurs twice RisingWave keeps the last value, DuckDB finds the first. A key may hide behind
    # escapes, so any backslash makes a document suspicious; few are, and only those take the slow way.
    "rw_maybe_twice(j, k)": (
        "contains(CAST(j AS VARCHAR), '\\') OR CAST(j AS VARCHAR) LIKE '%\"' || k || '\"%\"' || k || '\"%'"
    ),
    "rw_last_field(j, k)": (
        "CASE WHEN json_type(j) = 'OBJECT' THEN list_extract(json_extract(j, '$.*'), "
        "CAST(len(json_keys(j)) + 1 - list_position(list_reverse(json_keys(j)), k) AS BIGINT)) END"
    ),
    "rw_field(j, k, p)": "CASE WHEN rw_maybe_twice(j, k) THEN rw_last_field(j, k) ELSE json_extract(j, p) END",
    "rw_field_text(j, k, p)": (
        "list_transform([CAST(rw_field(j, k, p) AS VARCHAR)], lambda rw_t: rw_text_of(rw_t))[1]"
    ),
    "rw_piece(p, j, k, path)": "CASE WHEN p IS NULL THEN rw_field(j, k, path) ELSE p END",
    "rw_piece_typeof(p, j, k)": (
        "CASE WHEN p IS NOT NULL THEN rw_text_typeof(CAST(p AS VARCHAR)) "
        "WHEN list_contains(json_keys(j), k) THEN 'null' END"
    ),
    "rw_piece_text(p)": "rw_text_of(CAST(p AS VARCHAR))",
    "rw_element(j, i)": "json_extract(j, CASE WHEN i < 0 THEN '$[#' || i || ']' ELSE '$[' || i || ']' END)",
    "rw_element_text(j, i)": ("list_transform([CAST(rw_element(j, i) AS VARCHAR)], lambda rw_t: rw_text_of(rw_t))[1]"),
    "rw_json_elements(j)": "CASE WHEN json_type(j) = 'ARRAY' THEN json_extract(j, '$[*]') END",
    "rw_json_members(j)": (
        "CASE WHEN json_type(j) = 'OBJECT' THEN list_transform(list_sort(list_distinct(json_keys(j))), "
        "lambda k: {key: k, value: rw_last_field(j, k)}) END"
    ),
    "rw_substr_from(t, start)": "CASE WHEN start IS NOT NULL THEN substr(t, greatest(start, 1)) END",
    "rw_substr(t, start, length)": (
        "CASE WHEN length >= 0 AND start IS NOT NULL "
        "THEN substr(t, greatest(start, 1), greatest(length + least(CAST(start AS BIGINT) - 1, 0), 0)) END"
    ),
    "rw_split_part(t, delimiter, n)": (
        "CASE WHEN n = 0 THEN NULL WHEN delimiter <> '' OR t = '' THEN split_part(t, delimiter, n) "
        "WHEN n IN (1, -1) THEN t ELSE '' END"
    ),
    "rw_left(t, n)": "CASE WHEN n >= 0 THEN substr(t, 1, n) ELSE substr(t, 1, greatest(length(t) + n, 0)) END",
    "rw_right(t, n)": ("CASE WHEN n >= 0 THEN substr(t, greatest(length(t) - n + 1, 1)) ELSE substr(t, 1 - n) END"),
    "rw_lower(t)": "translate(t, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz')",
    "rw_upper(t)": "translate(t, 'abcdefghijklmnopqrstuvwxyz', 'ABCDEFGHIJKLMNOPQRSTUVWXYZ')",
    "rw_json_of_double(x)": (
        "CASE WHEN isnan(x) THEN to_json('NaN') WHEN isinf(x) THEN to_json(CASE WHEN x > 0 THEN 'Infinity' "
        "ELSE '-Infinity' END) ELSE to_json(x) END"
    ),
    # the shortest digits on both engines; DuckDB adds .0 and knows no 0.00001
    "rw_double_text(x)": (
        "CASE WHEN isnan(x) THEN 'NaN' WHEN isinf(x) THEN CASE WHEN x > 0 THEN 'Infinity' ELSE '-Infinity' END "
        "WHEN abs(x) >= 0.00001 AND abs(x) < 0.0001 THEN CASE WHEN x < 0 THEN '-' ELSE '' END || '0.0000' || "
        "replace(split_part(CAST(abs(x) AS VARCHAR), 'e', 1), '.', '') "
        "ELSE regexp_replace(CAST(x AS VARCHAR), '\\.0$', '') END"
    ),
    "rw_initcap(t)": (
        "array_to_string(list_transform(regexp_extract_all(t, '[^ \t\r\n]+|[ \t\r\n]+'), "
        "lambda w: CASE WHEN w[1] = 'ß' THEN 'SS' ELSE upper(w[1]) END || lower(substr(w, 2))), '')"
    ),
    "rw_exp(x)": "CASE WHEN isinf(x) OR (exp(x) <> 0 AND NOT isinf(exp(x))) THEN exp(x) END",
    "rw_power(x, y)": (
        "CASE WHEN NOT (x = 0 AND y < 0) AND NOT (x < 0 AND y <> floor(y)) AND (isinf(x) OR isinf(y) OR x = 0 "
        "OR (pow(x, y) <> 0 AND NOT isinf(pow(x, y)))) THEN pow(x, y) END"
    ),
    "rw_at_rank(xs, share)": (
        "list_transform([list_filter(xs, lambda x: x IS NOT NULL)], "
        "lambda ys: ys[1 + CAST(floor((len(ys) - 1) * share) AS BIGINT)])[1]"
    ),
    "rw_bucket_middle(x, base)": (
        "CASE WHEN x > 0 THEN 2 * pow(base, ceil(ln(x) / ln(base))) / (base + 1) "
        "WHEN x < 0 THEN -2 * pow(base, ceil(ln(-x) / ln(base))) / (base + 1) ELSE x END"
    ),
    "rw_members(ms)": (
        "CAST('{' || array_to_string(list_transform(ms, "
        "lambda m: CAST(to_json(m.k) AS VARCHAR) || ':' || CAST(m.v AS VARCHAR)), ',') || '}' AS JSON)"
    ),
    "rw_object(ms)": (
        "CASE WHEN len(list_filter(ms, lambda m: m.k IS NULL)) > 0 THEN error('a field name that is null failed') "
        "WHEN len(ms) <> len(list_distinct(list_transform(ms, lambda m: m.k))) "
        "THEN error('jsonb_object_agg of a key that comes twice failed') ELSE rw_members(ms) END"
    ),
    "rw_hex_digits(t)": (
        "CASE WHEN regexp_full_match(regexp_replace(t, '[ \\n\\t\\r]', '', 'g'), '([0-9a-fA-F]{2})*') "
        "THEN regexp_replace(t, '[ \\n\\t\\r]', '', 'g') END"
    ),
    "rw_bytes(t)": (
        "CASE WHEN NOT contains(t, '\\') THEN encode(t) "
        "WHEN regexp_full_match(t, '\\\\x([0-9a-fA-F]{2})*') THEN unhex(substr(t, 3)) "
        "WHEN t IS NOT NULL THEN error('bytea of a text with escapes failed') END"
    ),
    "rw_first_place(xs, x)": "list_position(list_transform(xs, lambda y: y IS NOT DISTINCT FROM x), true)",
    "rw_from_base64(t)": "TRY(from_base64(regexp_replace(t, '[ \\n\\t\\r]', '', 'g')))",
    "rw_hex_of_int(i)": "lower(hex(CASE WHEN i < 0 THEN CAST(i AS BIGINT) + 4294967296 ELSE CAST(i AS BIGINT) END))",
    "rw_base64(b)": "regexp_replace(to_base64(b), '(.{76})', '\\1' || chr(10), 'g')",
}

_DEFINITIONS |= TRIGONOMETRY | INTERVALS | JSON_MACROS

MACROS: tuple[str, ...] = tuple(f"CREATE OR REPLACE MACRO {head} AS {body}" for head, body in _DEFINITIONS.items())
_HEADS = {head.partition("(")[0]: head for head in _DEFINITIONS}
_MENTIONED = re.compile(r"\brw_[a-z0-9_]+(?=\()")


def macros_for(sql: str) -> dict[str, str]:
    """The statements that make what a translated query uses for as long as the connection lasts, by macro, in order."""
    used = frozenset().union(*map(_used_by, set(_MENTIONED.findall(sql))))
    return {
        name: f"CREATE OR REPLACE TEMP MACRO {head} AS {_DEFINITIONS[head]}"
        for name, head in _HEADS.items()  # where one uses another, that one stands before it
        if name in used
    }


@cache
def _used_by(name: str) -> frozenset[str]:
    """A macro and those that it uses; nothing for a name that is none of ours."""
    if name not in _HEADS:
        return frozenset()
    return frozenset({name}).union(*map(_used_by, _MENTIONED.findall(_DEFINITIONS[_HEADS[name]])))
