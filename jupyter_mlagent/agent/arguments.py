"""Constructors of scikit-learn's classes get arguments that these take, each once.

Small models know the classes and mix their arguments up: one of a sibling's (`early_stopping` for a
LogisticRegression), one that was renamed or removed since they learned, one given twice. Such a call would
fail; what is left out was never going to be used.
"""

from __future__ import annotations

import ast
import copy
from functools import cache
from importlib.resources import files

import msgspec

from jupyter_mlagent.agent.names import CellNames, names_of
from jupyter_mlagent.agent.source import Places, mended, parse_cell
from jupyter_mlagent.records import Record
from jupyter_mlagent.reward.expressions import calls

_RENAMED = {"base_estimator": "estimator", "sparse": "sparse_output"}


class Parameters(Record):
    positional: tuple[str, ...]
    keyword: tuple[str, ...]
    predicts: bool = False
    transforms: bool = False


@cache
def parameters() -> dict[str, Parameters]:
    """Class name -> what it takes and has methods for, as of scikit-learn 1.9."""
    data = files("jupyter_mlagent.agent").joinpath("sklearn_parameters.json").read_bytes()
    return msgspec.json.decode(data, type=dict[str, Parameters])


def class_name(call: ast.Call) -> str:
    """The bare name that is called; empty where it is an attribute or an expression."""
    return call.func.id if isinstance(call.func, ast.Name) else ""


def taken_by(call: ast.Call, own: CellNames) -> Parameters | None:
    """What the class of scikit-learn that is called takes; None for others, and for the cell's own class of
    that name.

    `own`: the names of the cell.
    """
    name = class_name(call)
    return None if own.defines(name) else parameters().get(name)


def with_known_arguments(code: str) -> str:
    """The cell with such arguments renamed or left out; code that is not plain Python comes back as it is."""
    return mended(code, _with_one_call_mended)


def _with_one_call_mended(code: str, module: ast.Module) -> str | None:
    """With the first call mended that needs it; None where none does, or the source cannot be cut there."""
    own = names_of(code)
    for place, call in enumerate(calls(module)):
        taken = taken_by(call, own)
        if taken is None:
            continue
        names = _names(call, taken)
        if names == [keyword.arg for keyword in call.keywords]:
            continue
        changed = _cut(code, call, names)
        wanted = copy.deepcopy(module)
        target = calls(wanted)[place]
        target.keywords = [
            ast.keyword(new, keyword.value)
            for keyword, new in zip(target.keywords, names, strict=True)
            if new
        ]
        made = parse_cell(changed)
        return changed if made is not None and ast.dump(made) == ast.dump(wanted) else None
    return None


def _names(call: ast.Call, taken: Parameters) -> list[str | None]:
    """What each keyword is to be called: its name, a new one, or empty where it is to be left out."""
    unchanged = [keyword.arg for keyword in call.keywords]
    if None in unchanged or any(isinstance(value, ast.Starred) for value in call.args):
        return unchanged
    known = {*taken.positional, *taken.keyword}
    given = set(taken.positional[: len(call.args)])
    names: list[str | None] = []
    for keyword in call.keywords:
        name = keyword.arg or ""
        name = name if name in known else _RENAMED.get(name, "")
        names.append(name if name in known - given else "")
        given.add(name)
    return names


def _cut(code: str, call: ast.Call, names: list[str | None]) -> str:
    places = Places(code)
    first_kept = next((place for place, name in enumerate(names) if name), len(names))
    kept = bool(call.args)
    for place, (keyword, name) in reversed([*enumerate(zip(call.keywords, names, strict=True))]):
        start, end = places.start(keyword), places.end(keyword)
        if name:
            places.replace(start, start + len((keyword.arg or "").encode()), name)
        elif kept or place > first_kept:
            places.replace(places.source.rindex(b",", 0, start), end, "")
        elif place + 1 < len(call.keywords):
            places.replace(start, places.start(call.keywords[place + 1]), "")
        else:
            places.replace(start, end, "")
    return places.text
