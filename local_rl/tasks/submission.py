"""Reads submission.csv beside the answers; whatever is wrong is one sentence naming file and column.

A task's grade.py calls one of `numbers`, `probabilities`, `labels`, `class_probabilities`, `rankings` and
hands the result to a metric.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from local_rl.tasks.errors import InvalidSubmission
from local_rl.tasks.tables import ANSWERS_FILE, ID

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

SHOWN = 3
"""How many offending values a message quotes."""


def numbers(
    submission: Path, answers: Path, column: str, *, minimum: float | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """True and predicted numbers, both (n,), in the answers' order."""
    truth, given = _aligned(submission, answers, [column])
    values = _numeric(given, column, submission)
    if minimum is not None and (values < minimum).any():
        raise InvalidSubmission(f"{_where(submission, column)} has values below {minimum:g}.")
    return truth[column].to_numpy(dtype=float), values


def probabilities(
    submission: Path, answers: Path, column: str, positive: object
) -> tuple[NDArray[np.int_], NDArray[np.float64]]:
    """Whether the answer is `positive` (0 or 1) and the score given to it, both (n,)."""
    truth, given = _aligned(submission, answers, [column])
    is_positive = (truth[column].astype(str) == str(positive)).to_numpy(dtype=int)
    return is_positive, _numeric(given, column, submission)


def labels(submission: Path, answers: Path, column: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """True and predicted classes as strings, both (n,). A class that no answer has is refused."""
    truth, given = _aligned(submission, answers, [column])
    actual = truth[column].map(_label).to_numpy(dtype=str)
    if given[column].isna().any():
        raise InvalidSubmission(f"{_where(submission, column)} has empty values.")
    predicted = given[column].map(_label).to_numpy(dtype=str)
    unknown = sorted(set(predicted) - set(actual))
    if unknown:
        raise InvalidSubmission(
            f"{_where(submission, column)} has unknown classes: {_some(unknown)}; "
            f"known are {_some(sorted(set(actual)), 12)}."
        )
    return actual, predicted


def class_probabilities(
    submission: Path, answers: Path, target: str
) -> tuple[NDArray[Any], NDArray[np.float64], list[str]]:
    """True classes (n,), probabilities (n, k) with rows summing to 1, the k class names in their order."""
    import numpy as np

    classes = sorted({_label(value) for value in _read(answers / ANSWERS_FILE)[target]})
    truth, given = _aligned(submission, answers, classes)
    values = np.column_stack([_numeric(given, name, submission) for name in classes])
    for position, name in enumerate(classes):
        if ((values[:, position] < 0) | (values[:, position] > 1)).any():
            raise InvalidSubmission(f"{_where(submission, name)} has probabilities outside 0 to 1.")
    totals = values.sum(axis=1, keepdims=True)
    if (totals <= 0).any():
        raise InvalidSubmission(f"{submission.name} has rows in which every class has probability 0.")
    return truth[target].map(_label).to_numpy(dtype=str), values / totals, classes


def rankings(submission: Path, answers: Path, column: str) -> tuple[list[list[str]], list[list[str]]]:
    """For each row the right items and the ranked items given; cells hold items split by spaces."""
    truth, given = _aligned(submission, answers, [column])
    if given[column].isna().any():
        raise InvalidSubmission(f"{_where(submission, column)} has empty values.")
    ranked = [str(cell).split() for cell in given[column]]
    if any(len(set(items)) != len(items) for items in ranked):
        raise InvalidSubmission(f"{_where(submission, column)} names an item twice in one row.")
    return [_label(cell).split() for cell in truth[column]], ranked


def _aligned(submission: Path, answers: Path, columns: list[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Answers, and the submission's rows brought into the answers' order."""
    truth, given = _read(answers / ANSWERS_FILE), _read(submission)
    for name in [ID, *columns]:
        if name not in given.columns:
            raise InvalidSubmission(
                f"{submission.name} has no column '{name}'; it must have {', '.join([ID, *columns])}."
            )
    ids = given[ID].map(_label)
    twice = ids[ids.duplicated()].unique()
    if len(twice):
        raise InvalidSubmission(f"{_where(submission, ID)} repeats values: {_some(twice)}.")
    wanted = truth[ID].map(_label)
    missing, extra = set(wanted) - set(ids), set(ids) - set(wanted)
    if missing or extra:
        raise InvalidSubmission(
            f"{_where(submission, ID)} must hold exactly the {len(wanted)} ids of test.csv: "
            f"{len(missing)} missing, {len(extra)} unknown."
        )
    return truth, given.set_index(ids).loc[wanted].reset_index(drop=True)


def _read(path: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        return pd.read_csv(path)
    except FileNotFoundError:
        raise InvalidSubmission(f"There is no {path.name}: the notebook must write it.") from None
    except (OSError, ValueError) as error:
        raise InvalidSubmission(f"{path.name} cannot be read as CSV ({error}).") from error


def _numeric(given: pd.DataFrame, column: str, submission: Path) -> NDArray[np.float64]:
    import numpy as np
    import pandas as pd

    values: NDArray[np.float64] = pd.to_numeric(given[column], errors="coerce").to_numpy(dtype=float)
    bad = ~np.isfinite(values)
    if bad.any():
        raise InvalidSubmission(
            f"{_where(submission, column)} has {bad.sum()} values that are no finite numbers: "
            f"{_some(given.loc[bad, column])}."
        )
    return values


def _label(value: Any) -> str:
    """One spelling for a class: 3, 3.0 and '3' are the same."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _where(submission: Path, column: str) -> str:
    return f"{submission.name}: column '{column}'"


def _some(values: Any, shown: int = SHOWN) -> str:
    quoted = [f"'{value}'" for value in list(values)[:shown]]
    return ", ".join(quoted) + (", ..." if len(values) > shown else "")
