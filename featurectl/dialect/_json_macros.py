"""DuckDB macros for the operators of jsonb."""

from __future__ import annotations

__all__ = ["JSON_MACROS"]

_ELEMENTS = "json_extract(j, '$[*]')"
_KEYS = "list_sort(list_distinct(json_keys(j)))"
_AS_LIST = "CASE WHEN json_type(p.{0}) = 'ARRAY' THEN json_extract(p.{0}, '$[*]') ELSE [p.{0}] END"

JSON_MACROS = {
    "rw_json_step(j, k)": (
        "list_transform([j], lambda d: CASE json_type(d) WHEN 'OBJECT' THEN rw_last_field(d, k) END)[1]"
    ),
    "rw_json_step_at(j, k, i)": (
        "list_transform([j], lambda d: CASE json_type(d) WHEN 'OBJECT' THEN rw_last_field(d, k) "
        "WHEN 'ARRAY' THEN rw_element(d, i) END)[1]"
    ),
    "rw_json_text(j)": "list_transform([CAST(j AS VARCHAR)], lambda t: rw_text_of(t))[1]",
    "rw_json_is_text(j, k)": "json_type(j) = 'VARCHAR' AND rw_text_of(CAST(j AS VARCHAR)) = k",
    "rw_json_has(j, k)": (
        "CASE json_type(j) WHEN 'OBJECT' THEN list_contains(json_keys(j), k) "
        f"WHEN 'ARRAY' THEN len(list_filter({_ELEMENTS}, lambda e: rw_json_is_text(e, k))) > 0 "
        "ELSE rw_json_is_text(j, k) END"
    ),
    "rw_json_concat(a, b)": (
        "list_transform([{a: a, b: b}], lambda p: CASE WHEN p.a IS NULL OR p.b IS NULL THEN NULL "
        "WHEN json_type(p.a) = 'OBJECT' AND json_type(p.b) = 'OBJECT' THEN rw_members(list_transform("
        "list_sort(list_distinct(list_concat(json_keys(p.a), json_keys(p.b)))), "
        "lambda k: {k: k, v: coalesce(rw_last_field(p.b, k), rw_last_field(p.a, k))})) "
        f"ELSE to_json(list_concat({_AS_LIST.format('a')}, {_AS_LIST.format('b')})) END)[1]"
    ),
    "rw_json_without(j, ks)": (
        f"CASE json_type(j) WHEN 'OBJECT' THEN rw_members(list_transform(list_filter({_KEYS}, "
        "lambda k: NOT list_contains(ks, k)), lambda k: {k: k, v: rw_last_field(j, k)})) "
        f"WHEN 'ARRAY' THEN to_json(list_filter({_ELEMENTS}, "
        "lambda e: NOT (json_type(e) = 'VARCHAR' AND list_contains(ks, rw_text_of(CAST(e AS VARCHAR)))))) END"
    ),
    "rw_json_without_place(j, i)": (
        "CASE WHEN json_type(j) = 'ARRAY' THEN to_json(list_transform(list_filter(list_transform("
        "generate_series(1, CAST(json_array_length(j) AS BIGINT)), "
        "lambda n: {n: n, e: rw_element(j, CAST(n - 1 AS INTEGER))}), lambda x: x.n - 1 <> "
        "CASE WHEN i < 0 THEN CAST(json_array_length(j) AS BIGINT) + i ELSE i END), lambda x: x.e)) END"
    ),
}
