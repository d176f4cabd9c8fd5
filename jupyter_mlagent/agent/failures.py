"""Failures by kind: what went wrong with a tried cell, in words that a prompt and a person can count by.

One table: the first row that fits names the kind. An exception's class alone says too little (ValueError is
missing values, texts where numbers belong, or arrays that do not fit together), and its message too much.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from jupyter_mlagent.records import Trial, TrialStatus

NO_METRIC = "no readable metric"
CHEATED = "followed the held-out labels"
UNKNOWN = "another error"
WRONG_TYPE, WRONG_VALUE = "a wrong type", "a wrong value"
VAGUE = frozenset({UNKNOWN, WRONG_TYPE, WRONG_VALUE})
"""Kinds that say no more than the exception's own name."""


class _Row(NamedTuple):
    kind: str
    errors: str
    """Names of exceptions, as a pattern that has to match whole."""
    says: str = ""
    """A pattern within the message; empty: any message."""


_TABLE = (
    _Row("not Python", r"SyntaxError|IndentationError|TabError"),
    _Row("an unknown name", r"NameError|UnboundLocalError"),
    _Row("a package that is not installed", r"ModuleNotFoundError"),
    _Row("an import that does not exist", r"ImportError"),
    _Row("missing values", r"\w*", r"contains NaN|NaN or infinity|missing values|contains infinity|NaNs?\b"),
    _Row("text where numbers belong", r"\w*", r"could not convert string to float|invalid literal for"),
    _Row(
        "text where numbers belong",
        r"TypeError|ValueError",
        r"\bdtype.*\bobject\b|unsupported operand.*'str'",
    ),
    _Row("a model that is not fitted", r"NotFittedError|\w*", r"is not fitted|not fitted yet"),
    _Row(
        "arrays that do not fit together",
        r"ValueError|IndexError|IndexingError",
        r"inconsistent numbers? of samples|shapes? .*(align|broadcast|mismatch)|broadcast|dimension"
        r"|features, but .* expecting|feature names|Length of values|Length mismatch|bad input shape|reshape"
        r"|Expected \dD array|should be a 1d array|boolean index|Unalignable",
    ),
    _Row("a column or key that does not exist", r"KeyError|InvalidIndexError", ""),
    _Row(
        "a column or key that does not exist",
        r"ValueError|TypeError",
        r"not in index|not a column|columns? .*missing",
    ),
    _Row(
        "an argument that does not exist", r"TypeError|ValueError", r"unexpected keyword|[Ii]nvalid parameter"
    ),
    _Row("an argument with a wrong value", r"InvalidParameterError"),
    _Row(
        "an argument with a wrong value",
        r"ValueError",
        r"must be (in|one of|a|an|>)|is not supported|not a valid|[Uu]nknown",
    ),
    _Row("a missing argument", r"TypeError", r"missing \d+ required|takes (no|\d+|from)"),
    _Row("an attribute that does not exist", r"AttributeError"),
    _Row("an index out of range", r"IndexError"),
    _Row(
        "a class that is too small or unseen",
        r"ValueError",
        r"least populated class|previously unseen|n_splits|only one class|number of classes",
    ),
    _Row("a file that does not exist", r"FileNotFoundError|NotADirectoryError|IsADirectoryError"),
    _Row("the network", r"URLError|HTTPError|ConnectionError|gaierror|TimeoutError|ConnectionRefusedError"),
    _Row("something forbidden", r"PermissionError"),
    _Row("out of memory", r"MemoryError|_ArrayMemoryError"),
    _Row(WRONG_TYPE, r"TypeError"),
    _Row(WRONG_VALUE, r"ValueError|AssertionError|ZeroDivisionError|ArithmeticError|OverflowError"),
)

_BY_STATUS = {
    TrialStatus.TIMEOUT: "too slow",
    TrialStatus.OUT_OF_MEMORY: "out of memory",
    TrialStatus.BLOCKED: "something forbidden",
    TrialStatus.NOT_TRIED: "not tried",
}


def kind_of_error(name: str, message: str) -> str:
    """The kind of an exception, by its class's name and its message."""
    line = " ".join(message.split())
    for row in _TABLE:
        if re.fullmatch(row.errors, name) and re.search(row.says, line):
            return row.kind
    return UNKNOWN


def kind_of_trial(trial: Trial) -> str:
    """The kind of a trial's failure; empty where it ended well."""
    if trial.cheated:
        return CHEATED
    if trial.status is TrialStatus.ERROR:
        return kind_of_error(trial.error.name, trial.error.value) if trial.error else UNKNOWN
    if trial.status is TrialStatus.OK:
        return NO_METRIC if trial.metric_after is None and trial.reason else ""
    return _BY_STATUS[trial.status]


def counted(kinds: Iterable[str]) -> str:
    """`missing values (3), too slow (1)`, the most frequent first; empty kinds are left out."""
    found = Counter(kind for kind in kinds if kind)
    ordered = sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))
    return ", ".join(f"{kind} ({count})" for kind, count in ordered)
