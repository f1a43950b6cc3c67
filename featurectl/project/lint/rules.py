"""The rules: a stable code each, what RisingWave does there, and the mend. `docs/lint.md` is made from this table.

A code is never given to another rule. RW1xx: RisingWave refuses it in a view. RW2xx: it takes it, and the answer is
wrong, depends on when or where it is asked, or costs too much. RW9xx: what suppresses a finding is itself wrong.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["RULES", "Rule"]


@dataclass(frozen=True)
class Rule:
    """One rule. `severity` is error or warning.

    `bad` and `good` are queries over the tables of `docs/lint.md` before and after the mend; tests hold both
    against the rule, and against RisingWave where `refused` says that it refuses.
    """

    code: str
    name: str
    severity: str
    why: str
    mend: str
    bad: str = ""
    good: str = ""

    @property
    def refused(self) -> bool:
        """Whether RisingWave refuses such a view."""
        return self.code.startswith("RW1")


_TABLE = (
    Rule(
        "RW101",
        "window-without-partition",
        "error",
        "RisingWave refuses a window function without PARTITION BY in a view: one worker would keep all rows",
        "partition by the entity; if it has to be all rows, PARTITION BY 1::int",
        "SELECT k, max(i) OVER (ORDER BY o ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS s FROM orders",
        "SELECT k, max(i) OVER (PARTITION BY k ORDER BY o ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS s FROM orders",
    ),
    Rule(
        "RW102",
        "range-of-days",
        "error",
        "RisingWave refuses days and months in a RANGE frame over timestamptz: their length depends on a time zone",
        "write hours: INTERVAL '24 hours' for '1 day'",
        "SELECT k, max(n) OVER (PARTITION BY k ORDER BY t"
        " RANGE BETWEEN INTERVAL '7 days' PRECEDING AND CURRENT ROW) AS s FROM orders",
        "SELECT k, max(n) OVER (PARTITION BY k ORDER BY t"
        " RANGE BETWEEN INTERVAL '168 hours' PRECEDING AND CURRENT ROW) AS s FROM orders",
    ),
    Rule(
        "RW103",
        "exact-percentile",
        "error",
        "RisingWave refuses percentile_cont, percentile_disc and mode in a view: they need all values at once",
        "approx_percentile(0.5, 0.01) WITHIN GROUP (ORDER BY x), or take it in a query on the view",
        "SELECT k, percentile_cont(0.5) WITHIN GROUP (ORDER BY v) AS p50 FROM orders GROUP BY k",
        "SELECT k, approx_percentile(0.5, 0.01) WITHIN GROUP (ORDER BY v) AS p50 FROM orders GROUP BY k",
    ),
    Rule(
        "RW104",
        "join-without-equality",
        "error",
        "RisingWave refuses a join without an equality between its sides: every row would meet every other",
        "join on a key, such as the entity, besides the comparison",
        "SELECT o.k, p.x FROM orders AS o JOIN payments AS p ON p.t > o.t",
        "SELECT o.k, p.x FROM orders AS o JOIN payments AS p ON p.k = o.k AND p.t > o.t",
    ),
    Rule(
        "RW105",
        "unknown-window-function",
        "error",
        "RisingWave has no ntile, percent_rank, cume_dist, nth_value and no GROUPS frames",
        "row_number, rank, dense_rank, lag, lead, first_value, last_value, aggregates; frames of ROWS and RANGE",
        "SELECT k, ntile(4) OVER (PARTITION BY k ORDER BY t) AS quarter FROM orders",
        "SELECT k, rank() OVER (PARTITION BY k ORDER BY t) AS place FROM orders",
    ),
    Rule(
        "RW106",
        "clock-outside-a-filter",
        "error",
        "RisingWave takes NOW() only in WHERE, HAVING and ON of a view, PROCTIME() only in FOR SYSTEM_TIME AS OF, and"
        " knows no CURRENT_DATE, CURRENT_TIME, LOCALTIME, LOCALTIMESTAMP",
        "keep the event time in the view, and compare it with the clock where the view is read",
        "SELECT k, now() AS seen_at FROM orders",
        "SELECT k, t FROM orders",
    ),
    Rule(
        "RW201",
        "implicit-frame",
        "warning",
        "an aggregate over a window with ORDER BY and no frame: RisingWave counts by ROWS, where standard SQL takes"
        " RANGE, so rows of the same time get different answers in an order that nobody chose",
        "write the frame: RANGE BETWEEN INTERVAL '24 hours' PRECEDING AND CURRENT ROW",
        "SELECT k, sum(n) OVER (PARTITION BY k ORDER BY t) AS s FROM orders",
        "SELECT k, sum(n) OVER (PARTITION BY k ORDER BY t RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS s"
        " FROM orders",
    ),
    Rule(
        "RW202",
        "rows-over-time",
        "warning",
        "lag, lead and frames of n ROWS count rows, not time: where an hour is missing they reach further back",
        "join the row at the exact time, or a RANGE frame; let it be where rows are what is meant",
        "SELECT k, lag(n, 24) OVER (PARTITION BY k ORDER BY t) AS day_before FROM orders",
        "SELECT o.k, b.n AS day_before FROM orders AS o"
        " LEFT JOIN orders AS b ON b.k = o.k AND b.t = o.t - INTERVAL '24 hours'",
    ),
    Rule(
        "RW203",
        "session-dependent-time",
        "warning",
        "the answer depends on the time zone of the session that made the view: featurectl's is UTC, psql's may not be",
        "say UTC: '2024-01-01T00:00:00Z', t AT TIME ZONE 'UTC', date_trunc('day', t, 'UTC')",
        "SELECT k, date_trunc('day', t) AS day FROM orders",
        "SELECT k, date_trunc('day', t, 'UTC') AS day FROM orders",
    ),
    Rule(
        "RW204",
        "processing-time",
        "error",
        "a training set reads this view, and its rows depend on when it is asked: what was served is not what is"
        " trained on",
        "filter by NOW() where the view is read; instead of a PROCTIME() join an ASOF join by event time",
        "SELECT k, n FROM orders WHERE t > now() - INTERVAL '24 hours'",
        "SELECT k, t, n FROM orders",
    ),
    Rule(
        "RW205",
        "unbounded-join",
        "warning",
        "a join of two streams without a condition on their times keeps every row of both for ever, and its answers"
        " change with rows of any age",
        "bound it: AND b.t = a.t, AND b.t BETWEEN a.t - INTERVAL '1 hour' AND a.t; or an ASOF join",
        "SELECT o.k, p.x FROM orders AS o JOIN payments AS p ON p.k = o.k",
        "SELECT o.k, p.x FROM orders AS o JOIN payments AS p"
        " ON p.k = o.k AND p.t BETWEEN o.t - INTERVAL '1 hour' AND o.t",
    ),
    Rule(
        "RW206",
        "star",
        "warning",
        "SELECT * of another relation: its next version may add a column, and this view changes without an edit",
        "name the columns",
        "SELECT * FROM orders",
        "SELECT k, t, n FROM orders",
    ),
    Rule(
        "RW207",
        "nan-poisons",
        "warning",
        "one NaN in sum, avg, stddev or var of floats makes the running answer NaN for ever on RisingWave, even after"
        " its row is gone; a cast to numeric keeps it",
        "keep it out by an upper bound, for NaN is greater than every number: avg(x) FILTER (WHERE x < 'Infinity')",
        "SELECT k, avg(v) AS mean FROM orders GROUP BY k",
        "SELECT k, avg(v) FILTER (WHERE v < 'Infinity') AS mean FROM orders GROUP BY k",
    ),
    Rule(
        "RW208",
        "frame-without-values",
        "warning",
        "RisingWave takes values back out of a running sum: of a frame that had some and has none left, sum is 0, avg"
        " of floats NaN, bool_and true and bool_or false, where they were NULL before the first value came",
        "count first: CASE WHEN count(x) OVER w > 0 THEN sum(x) OVER w END; or let no NULL in: coalesce(x, 0)",
        "SELECT k, sum(i) OVER (PARTITION BY k ORDER BY t RANGE BETWEEN INTERVAL '24 hours' PRECEDING AND CURRENT ROW)"
        " AS s FROM orders",
        "SELECT k, CASE WHEN count(i) OVER w > 0 THEN sum(i) OVER w END AS s FROM orders WINDOW w AS"
        " (PARTITION BY k ORDER BY t RANGE BETWEEN INTERVAL '24 hours' PRECEDING AND CURRENT ROW)",
    ),
    Rule(
        "RW209",
        "refreshed-whole",
        "warning",
        "the embedded target computes the view whole at each refresh: nothing tells which entities and times of it a"
        " new event can alter (docs/embedded.md)",
        "group by the entity and a bucket of the event time and pass both on, in a view of its own if need be; where"
        " all of it is meant, say why",
        "SELECT max(n) AS highest FROM orders",
        "SELECT k, date_trunc('hour', t) AS t, max(n) AS highest FROM orders GROUP BY k, date_trunc('hour', t)",
    ),
    Rule(
        "RW210",
        "percentile-of-all-rows",
        "error",
        "the first NULL that comes to approx_percentile without GROUP BY in a view ends the RisingWave server (2.6.3);"
        " FILTER does not keep it away",
        "keep it out by WHERE, or group",
        "SELECT approx_percentile(0.5, 0.01) WITHIN GROUP (ORDER BY v) AS p FROM orders",
        "SELECT approx_percentile(0.5, 0.01) WITHIN GROUP (ORDER BY v) AS p FROM orders WHERE v IS NOT NULL",
    ),
    Rule(
        "RW901",
        "suppression-without-reason",
        "error",
        "a suppression without a reason helps nobody who reads the view later, and suppresses nothing",
        "-- lint: allow RW202 because the n-th event before is meant",
    ),
    Rule(
        "RW902",
        "suppression-of-nothing",
        "error",
        "no such finding on that line: the suppression would hide one that comes later",
        "remove it; it belongs on the finding's line, or alone on the line above",
    ),
)

RULES: dict[str, Rule] = {rule.code: rule for rule in _TABLE}
