"""What differs between the meanings of two queries, place by place: only what changed, whatever the spelling."""

from __future__ import annotations

import json
from itertools import count
from typing import TYPE_CHECKING, Any

from sqlglot import exp
from sqlglot.dialects.risingwave import RisingWave

from featurectl.dialect._meaning import _Form
from featurectl.dialect._naming import output_name
from featurectl.dialect._query import Difference

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from featurectl.dialect._query import Query

__all__ = ["differences", "only_adds"]

_HANDLED = frozenset({"with_", "expressions", "from_", "joins", "where", "having", "group"})
_NAMES = {"order": "ORDER BY"}


def differences(old: Query, new: Query) -> tuple[Difference, ...]:
    """Where the two mean different things; nothing exactly if their fingerprints are equal."""
    if old.fingerprint == new.fingerprint:
        return ()
    found = tuple(_queries(_Side(old.tree, {}), _Side(new.tree, {}), ""))
    # Such as joins in another order: there is no one place, so all of it is shown.
    return found or (Difference("query", _text(old.tree), _text(new.tree)),)


def only_adds(old: Query, new: Query) -> bool:
    """Whether the new query gives the old one's rows with the old columns as they were, and more columns.

    A LEFT JOIN that came along is taken for one that finds at most one row.
    """
    if not (isinstance(new.tree, exp.Select) and isinstance(old.tree, exp.Select)) or new.tree.args.get("distinct"):
        return False
    keys = new.tree.args.get("group")
    if keys is not None and any(isinstance(key, exp.Literal) for key in keys.expressions):
        return False  # GROUP BY 1 means another column once one comes before it
    return all(
        found.before is None
        and (found.column is not None or (found.after is not None and found.after.startswith("LEFT JOIN ")))
        for found in differences(old, new)
    )


class _Side:
    """One of the two queries, with the names that hold where it stands and what they stand for."""

    def __init__(self, node: exp.Expression, ctes: Mapping[str, Any]) -> None:
        while isinstance(node, exp.Subquery) and not node.args.get("with_"):
            node = node.this
        self.node = node
        self.ctes = ctes
        self.names: Mapping[str, str] = {}

    def form(self, part: Any) -> str:
        """What a part means, so that equal meanings are equal texts."""
        return json.dumps(_Form(count())(part, self.ctes, self.names))

    def own_ctes(self) -> dict[str, exp.Expression]:
        """The CTEs that this query declares, by name."""
        clause = self.node.args.get("with_")
        return {cte.alias: cte for cte in clause.expressions} if clause is not None else {}

    def sources(self) -> list[exp.Expression]:
        """The relations of FROM and of the joins, in order."""
        first = self.node.args.get("from_")
        return [*([first.this] if first is not None else []), *(j.this for j in self.node.args.get("joins") or [])]


def _queries(old: _Side, new: _Side, place: str) -> Iterator[Difference]:
    if old.form(old.node) == new.form(new.node):
        return
    yield from _ctes(old, new, place)
    if isinstance(old.node, exp.Select) and isinstance(new.node, exp.Select):
        yield from _selects(old, new, place)
    elif isinstance(old.node, exp.SetOperation) and type(old.node) is type(new.node):
        for part, side in (("this", "first"), ("expression", "second")):
            inner = f"{place}{side} side of {old.node.key.upper()}: "
            yield from _queries(_Side(old.node.args[part], old.ctes), _Side(new.node.args[part], new.ctes), inner)
        yield from _clauses(old, new, place, frozenset({"with_", "this", "expression"}))
    else:
        yield Difference(f"{place}query", _text(old.node), _text(new.node))


def _ctes(old: _Side, new: _Side, place: str) -> Iterator[Difference]:
    """Differences inside CTEs. From there on the two names of a pair stand for the same, changed or not."""
    before, after = old.own_ctes(), new.own_ctes()
    old_known, new_known = dict(old.ctes), dict(new.ctes)
    free = {name: _Side(cte.this, old_known).form(cte.this) for name, cte in before.items() if name not in after}
    for name, cte in after.items():
        mine = _Side(cte.this, dict(new_known))
        partner = name if name in before else next((n for n, form in free.items() if form == mine.form(cte.this)), None)
        new_known[name] = ["cte", name]
        if partner is None:
            yield Difference(f"{place}WITH {name}", None, _text(cte.this))
            continue
        free.pop(partner, None)
        yield from _queries(_Side(before[partner].this, dict(old_known)), mine, f"{place}WITH {name}: ")
        old_known[partner] = ["cte", name]
    for name in free:
        yield Difference(f"{place}WITH {name}", _text(before[name].this), None)
        old_known[name] = ["cte", "gone", name]
    old.ctes, new.ctes = old_known, new_known


def _selects(old: _Side, new: _Side, place: str) -> Iterator[Difference]:
    old.names, new.names = _paired_names(old, new)
    yield from _columns(old, new, place)
    yield from _relations(old, new, place)
    for key, name in (("where", "WHERE"), ("having", "HAVING")):
        yield from _lists(old, new, _conditions(old.node, key), _conditions(new.node, key), f"{place}{name}")
    yield from _lists(old, new, _keys(old.node), _keys(new.node), f"{place}GROUP BY")
    yield from _clauses(old, new, place, _HANDLED)


def _paired_names(old: _Side, new: _Side) -> tuple[dict[str, str], dict[str, str]]:
    """What each alias stands for: the same on both sides for the same relation, however it is called."""
    form = _Form(count())
    aliases = [{form.name_of(item): item for item in side.sources()} for side in (old, new)]
    bare = [
        {name: _Side(item, side.ctes).form(_without_alias(item)) for name, item in found.items()}
        for side, found in zip((old, new), aliases, strict=True)
    ]
    shared = {name for name in bare[0] if bare[1].get(name) == bare[0][name]}
    named: list[dict[str, str]] = []
    for found in bare:
        seen: dict[str, int] = {}
        names = {name: f"={name}" for name in shared}
        for name, relation in found.items():
            if name not in shared:
                seen[relation] = seen.get(relation, 0) + 1
                names[name] = f"{relation}#{seen[relation]}"
        named.append(names)
    return named[0], named[1]


def _without_alias(item: exp.Expression) -> exp.Expression:
    if not item.args.get("alias"):
        return item
    copy = item.copy()
    copy.set("alias", None)
    return copy


def _columns(old: _Side, new: _Side, place: str) -> Iterator[Difference]:
    before, after = _named(old.node), _named(new.node)
    for name, item in before.items():
        other = after.get(name)
        if other is None or old.form(_value(item)) != new.form(_value(other)):
            text = None if other is None else _text(_value(other))
            yield Difference(f"{place}column {name}", _text(_value(item)), text, None if place else name)
    for name, item in after.items():
        if name not in before:
            yield Difference(f"{place}column {name}", None, _text(_value(item)), None if place else name)
    kept = [name for name in before if name in after]
    if kept != [name for name in after if name in before]:
        yield Difference(f"{place}order of columns", ", ".join(before), ", ".join(after))


def _named(node: exp.Expression) -> dict[str, exp.Expression]:
    """The output columns by name; a name that comes again gets a number."""
    found: dict[str, exp.Expression] = {}
    for item in node.expressions:
        name = "*" if item.is_star else output_name(item)
        found[name if name not in found else f"{name} ({len(found) + 1})"] = item
    return found


def _value(item: exp.Expression) -> Any:
    return item.this if isinstance(item, exp.Alias) else item


def _relations(old: _Side, new: _Side, place: str) -> Iterator[Difference]:
    yield from _lists(old, new, _first(old.node), _first(new.node), f"{place}FROM")
    joins = [side.node.args.get("joins") or [] for side in (old, new)]
    yield from _lists(old, new, joins[0], joins[1], f"{place}JOIN")


def _first(node: exp.Expression) -> list[exp.Expression]:
    clause = node.args.get("from_")
    return [clause.this] if clause is not None else []


def _lists(
    old: _Side, new: _Side, before: Sequence[exp.Expression], after: Sequence[exp.Expression], place: str
) -> Iterator[Difference]:
    """What is in one list only; where one thing took the place of another, both together."""
    others = [new.form(item) for item in after]
    gone = [item for item in before if not _taken(others, old.form(item))]
    mine = [old.form(item) for item in before]
    come = [item for item in after if not _taken(mine, new.form(item))]
    for item in gone:
        partner = next((other for other in come if _alias(other) == _alias(item)), None)
        if len(gone) == len(come) == 1:
            partner = come[0]
        if partner is None:
            yield Difference(place, _text(item), None)
            continue
        come.remove(partner)
        if isinstance(item, exp.Subquery) and isinstance(partner, exp.Subquery):
            yield from _queries(_Side(item, old.ctes), _Side(partner, new.ctes), f"{place} {item.alias}: ")
        else:
            yield Difference(place, _text(item), _text(partner))
    for item in come:
        yield Difference(place, None, _text(item))


def _taken(forms: list[str], form: str) -> bool:
    """Whether the form is there; it is used up."""
    if form in forms:
        forms.remove(form)
        return True
    return False


def _alias(item: exp.Expression) -> str:
    """What tells which of several things was replaced: a relation's alias; conditions have none."""
    relation = item.this if isinstance(item, exp.Join) else item
    return _Form(count()).name_of(relation) if isinstance(relation, exp.Table | exp.Subquery) else ""


def _conditions(node: exp.Expression, key: str) -> list[exp.Expression]:
    clause = node.args.get(key)
    return list(_conjuncts(clause.this)) if clause is not None else []


def _conjuncts(node: exp.Expression) -> Iterator[exp.Expression]:
    while isinstance(node, exp.Paren):
        node = node.this
    if isinstance(node, exp.And):
        yield from _conjuncts(node.this)
        yield from _conjuncts(node.expression)
    else:
        yield node


def _keys(node: exp.Expression) -> list[exp.Expression]:
    group = node.args.get("group")
    return list(group.expressions) if group is not None else []


def _clauses(old: _Side, new: _Side, place: str, but: frozenset[str]) -> Iterator[Difference]:
    """Every other part of a query, whole."""
    for key in sorted((set(old.node.args) | set(new.node.args)) - but):
        before, after = (side.node.args.get(key) or None for side in (old, new))
        if old.form(before) != new.form(after):
            name = _NAMES.get(key, key.upper())
            yield Difference(f"{place}{name}", _text(before), _text(after))


def _text(part: Any) -> str | None:
    """A part on one line, without comments."""
    if isinstance(part, list):
        return ", ".join(str(_text(item)) for item in part)
    if not isinstance(part, exp.Expression):
        return None if part is None else str(part)
    return " ".join(part.sql(dialect=RisingWave, comments=False).split())
