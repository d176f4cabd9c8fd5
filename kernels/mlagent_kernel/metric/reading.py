"""Evaluates the metric in the judge: pristine names, plus what was restored from the cell."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from . import parting, restoring, trust
from . import plan as plans
from .kinds import Kind, is_instance, kind_of
from .number import number_of
from .plan import Plan
from .roles import Role

UNVERIFIABLE = (
    "Nothing held from before judges this metric: it reads what a cell can set itself; "
    "give an expression that compares predictions with held-out data."
)
UNTOUCHED = "Nothing that a cell computes enters this metric, so no step can change it."
UNDECIDABLE = (
    "The cell changed all the data that the metric compares, so it is unclear which is the truth; "
    "name the held-out labels as y_true=... in the expression."
)


@dataclass(frozen=True)
class Shipment:
    """What a trial says it sent (untrusted), with the bytes."""

    data: bytes = b""
    sizes: dict[str, int] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    away: dict[str, str] = field(default_factory=dict)
    references: dict[str, tuple[str, str]] = field(default_factory=dict)

    @classmethod
    def of(cls, message: Mapping[str, Any], data: bytes) -> Shipment:
        """Take a trial's message apart; fields of the wrong shape count as absent."""
        sizes = {k: v for k, v in _dict(message.get("sizes")).items() if isinstance(v, int) and v >= 0}
        missing = message.get("missing")
        references = _dict(message.get("references"))
        return cls(
            data=data,
            sizes=sizes,
            missing=tuple(str(name) for name in missing) if isinstance(missing, list) else (),
            away={k: str(v)[:200] for k, v in _dict(message.get("away")).items()},
            references={
                k: (str(v[0]), str(v[1]))
                for k, v in references.items()
                if isinstance(v, list) and len(v) == 2
            },
        )

    def pickles(self) -> dict[str, bytes]:
        found, start = {}, 0
        for name, size in self.sizes.items():
            found[name] = self.data[start : start + size]
            start += size
        return found


def _dict(value: object) -> dict[str, Any]:
    return {str(k): v for k, v in value.items()} if isinstance(value, dict) else {}


@dataclass
class Goods:
    """Objects of the cell, restored."""

    values: dict[str, Any] = field(default_factory=dict)
    away: dict[str, str] = field(default_factory=dict)


def unpack(shipment: Shipment, notebook: Mapping[str, Any]) -> Goods:
    goods = Goods(away=dict(shipment.away))
    for name, data in shipment.pickles().items():
        try:
            goods.values[name] = restoring.restore(data, notebook)
        except trust.NotTrustedError as error:
            goods.away[name] = f"it contains {error}, which is not trusted"
        except BaseException as error:
            goods.away[name] = f"it could not be restored ({type(error).__name__})"
    for name, (module, attribute) in shipment.references.items():
        found = trust.importable(module, attribute)
        if found is not None:
            goods.values[name] = found
    return goods


class Reader:
    """One expression over one pristine namespace, with the cell's objects put in their places."""

    def __init__(self, plan: Plan, namespace: dict[str, Any], goods: Goods) -> None:
        self._plan = plan
        self._namespace = namespace
        self._goods = goods
        self.away = frozenset(goods.away) & plan.taken.keys()
        """Names that could not be brought here: their parts must be evaluated in the trial."""

    def parts(self) -> list[str] | None:
        """Sources of the parts to evaluate in the trial; None when the expression cannot be parted."""
        split = parting.split(self._plan, self._namespace, self.away)
        return None if split is None else split[1]

    def problem(self) -> str:
        """Why the cell's objects cannot be judged, or nothing."""
        if not self._plan.verifiable:
            return UNVERIFIABLE
        for name, played in self._plan.taken.items():
            if name in self._goods.values and name in self._namespace:
                reason = _mismatch(name, played, self._namespace[name], self._goods.values[name])
                if reason:
                    return reason
        for name, value in self._goods.values.items():
            played = self._plan.taken.get(name, frozenset())
            compared = name.startswith(parting.PART) or played & {Role.PREDICTION, Role.UNDECIDED}
            reason = _gap(name, value) if compared else ""
            if reason:
                return reason
        return ""

    def compile(self, parts: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        """(code, names) to evaluate; `parts` holds values evaluated in the trial.

        Raises LookupError with a sentence when undecided names cannot be told apart.
        """
        bound = self._bind()
        tree = plans.rewritten(self._plan, self._namespace)
        if parts:
            split = parting.split(self._plan, self._namespace, self.away)
            assert split is not None
            tree = split[0]
        return _compiled(tree), {**bound, **parts}

    def predicted(self) -> tuple[Any, dict[str, Any]] | None:
        """Like `compile`, with the models' parts evaluated once and for all; None when they cannot be parted.

        What is left is quick to evaluate again and again against other labels. Raises whatever a model
        raises.
        """
        models = frozenset(self._plan.models)
        split = parting.split(self._plan, self._namespace, models) if models and not self.away else None
        if split is None:
            return None
        tree, sources = split
        bound = self._bind()
        names = {**self._namespace, **bound}
        names.update((name, bound[plans.CELL + name]) for name in self._plan.taken)
        values = {
            f"{parting.PART}{index}": eval(source, names)  # noqa: S307 - part of the person's own expression
            for index, source in enumerate(sources)
        }
        return _compiled(tree), {**bound, **values}

    def _bind(self) -> dict[str, Any]:
        """The names that stand for the cell's objects; functions of the notebook see them too."""
        bound = self._from_cell()
        for name in self._plan.inner:
            if name in self._plan.taken and plans.CELL + name in bound:
                self._namespace[name] = bound[plans.CELL + name]
        for name, value in self._goods.values.items():
            if name not in self._plan.taken and name not in self._namespace:
                bound[name] = value
        return bound

    def _from_cell(self) -> dict[str, Any]:
        undecided = self._undecided()
        bound = {}
        for name in self._plan.taken:
            pristine = name in undecided and not undecided[name]
            if not pristine and name in self._goods.values:
                bound[plans.CELL + name] = self._goods.values[name]
            elif name in self._namespace:
                bound[plans.CELL + name] = self._namespace[name]
        return bound

    def _undecided(self) -> dict[str, bool]:
        """For each undecided name, whether to take the cell's object: those it changed are predictions."""
        names = [name for name in self._plan.undecided if name in self._goods.values]
        changed = {name: not same(self._namespace.get(name), self._goods.values[name]) for name in names}
        if changed and all(changed.values()) and not self._plan.truth:
            raise LookupError(UNDECIDABLE)
        return changed


def _compiled(tree: ast.Expression) -> Any:
    return compile(ast.fix_missing_locations(tree), "<metric>", "eval")


def evaluate(code: Any, namespace: dict[str, Any], bound: Mapping[str, Any]) -> tuple[float | None, str]:
    """(number, "") or (None, reason); the expression may raise whatever it likes."""
    try:
        value = eval(code, {**namespace, **bound})  # noqa: S307 - the person's own expression
        return number_of(value)
    except BaseException as error:  # SystemExit too: the reading must go on
        text = str(error)[:300]
        return None, f"The metric could not be evaluated: {type(error).__name__}{': ' if text else ''}{text}"


def same(before: Any, after: Any) -> bool:
    """Whether two objects hold the same data; unknown counts as changed."""
    if before is after:
        return True
    if type(before) is not type(after):
        return False
    try:
        if is_instance(before, ("pandas", "DataFrame"), ("pandas", "Series"), ("pandas", "Index")):
            return bool(before.equals(after))
        if is_instance(before, ("numpy", "ndarray")):
            return bool(before.shape == after.shape and ((before == after) | (before != before)).all())
        if is_instance(before, ("torch", "Tensor")):
            return bool(before.shape == after.shape and (before == after).all())
        return bool(before == after)
    except Exception:
        return False


def rows(value: Any) -> int | None:
    """Length along the first axis; None for what has none."""
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple):
        return int(shape[0]) if shape else None
    return len(value) if isinstance(value, (list, tuple)) else None


def _mismatch(name: str, played: frozenset[Role], before: Any, after: Any) -> str:
    """Inputs and predictions must cover exactly the rows they covered before."""
    if not played & {Role.FEATURES, Role.PREDICTION} or kind_of(before) is not Kind.DATA:
        return ""
    if rows(before) != rows(after):
        return (
            f"The cell changed `{name}` from {rows(before)} to {rows(after)} rows, "
            "so the metric would no longer measure the same held-out data."
        )
    if _reordered(before, after):
        return f"The cell took other rows into `{name}`, or put them in another order than their labels."
    return ""


def _reordered(before: Any, after: Any) -> bool:
    """Whether pandas tells that rows are not where they were; a fresh numbering tells nothing."""
    tables = (("pandas", "DataFrame"), ("pandas", "Series"))
    if not is_instance(before, *tables) or not is_instance(after, *tables):
        return False
    return not is_instance(after.index, ("pandas", "RangeIndex")) and not after.index.equals(before.index)


def _gap(name: str, value: Any) -> str:
    """A prediction that is missing where it would be wrong must not count as none."""
    if is_instance(value, ("numpy.ma", "MaskedArray")):
        return f"`{name}` hides some of its values, so it cannot be compared with held-out data."
    missing = False
    try:
        if is_instance(value, ("pandas", "Series")):
            missing = bool(value.isna().any())
        elif is_instance(value, ("pandas", "DataFrame")) and value.shape[1] == 1:
            missing = bool(value.isna().to_numpy().any())
        elif is_instance(value, ("numpy", "ndarray")) and value.ndim == 1 and value.dtype.kind in "fc":
            missing = bool((value != value).any())
    except Exception:
        return f"`{name}` could not be examined, so it cannot be compared with held-out data."
    return f"`{name}` has missing values, so it cannot be compared with held-out data." if missing else ""
