"""The leak audit: does anything in the public data give the answers away?

Two questions, asked of every task in a table's shape (train.csv, test.csv, answers.csv): does one feature
alone nearly determine the target, and do rows of the test data also stand in the training data?
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from local_rl.tasks.errors import TaskError
from local_rl.tasks.folder import TaskFolder
from local_rl.tasks.preparing import Prepared, prepared
from local_rl.tasks.tables import ANSWERS_FILE, ID, TEST_FILE, TRAIN_FILE

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

DETERMINED = 0.95
"""From this share of the target explained by one feature on, the feature counts as a leak."""
REPEATED = 0.01
"""At most this share of test rows may equal a training row in every feature."""
BINS, LARGE = 100, 20
"""A numeric feature is cut into at most so many quantiles, of at least so many rows."""
CLASSES = 60
"""A target with at most so many values is a class; with more, a number."""
FOLDS = 2
SMALL = 5


@dataclass(frozen=True)
class Finding:
    feature: str
    determined: float
    """Cross-validated share of the target that it explains above what a constant does; at most 1."""


def refuse_leaks(folder: TaskFolder) -> None:
    """Raises TaskError naming the feature or the repeated rows. Tasks of another shape pass unaudited."""
    data = prepared(folder)
    if not all(path.exists() for path in (data.public / TRAIN_FILE, data.public / TEST_FILE)):
        return
    allowed = [tag.removeprefix("determined:") for tag in folder.spec.tags if tag.startswith("determined:")]
    for finding in strongest(data):
        if finding.determined >= DETERMINED and finding.feature not in allowed:
            raise TaskError(
                f"Task '{folder.id}' leaks: column '{finding.feature}' of {TRAIN_FILE} alone explains "
                f"{finding.determined:.1%} of the target; leave it out."
            )
    share = repeated_rows(data)
    if share > REPEATED:
        raise TaskError(
            f"Task '{folder.id}' leaks: {share:.1%} of the rows of {TEST_FILE} also stand in {TRAIN_FILE}; "
            "drop duplicates before the split, or split by group."
        )


def strongest(data: Prepared) -> list[Finding]:
    """Every feature with what it alone explains, strongest first."""
    train = _table(data, TRAIN_FILE)
    target = _target(data, train)
    if target is None:
        return []
    features = [name for name in train.columns if name not in (target, ID)]
    found = [Finding(name, explained(train[name], train[target])) for name in features]
    return sorted(found, key=lambda finding: -finding.determined)


def explained(feature: pd.Series[object], target: pd.Series[object]) -> float:
    """Share of the target that a look-up table over one feature explains on rows it was not made from.

    A numeric feature is cut into quantile bins, whose group means (or commonest classes) are learnt on one
    half of the rows and tried on the other. A group of fewer than 5 rows predicts like a constant: an
    identifier explains nothing here.
    """
    import numpy as np
    import pandas as pd

    groups = _groups(feature)
    categorical = target.nunique() <= CLASSES or not pd.api.types.is_numeric_dtype(target)
    values = target.astype(str).to_numpy() if categorical else target.to_numpy(dtype=float)
    fold = np.arange(len(values)) % FOLDS
    fold = np.random.default_rng(0).permutation(fold)
    better, constant = 0.0, 0.0
    for held in range(FOLDS):
        known, tried = fold != held, fold == held
        errors = _errors(groups[known], values[known], groups[tried], values[tried], categorical)
        better, constant = better + errors[0], constant + errors[1]
    return 1 - better / constant if constant else 0.0


def repeated_rows(data: Prepared) -> float:
    """Share of test rows that equal some training row in every feature."""
    test, train = _table(data, TEST_FILE), _table(data, TRAIN_FILE)
    features = [name for name in test.columns if name != ID]
    if not features:  # a row is its id: nodes of a graph, users
        return 0.0
    rows = {tuple(row) for row in train[features].astype(str).to_numpy()}
    return sum(tuple(row) in rows for row in test[features].astype(str).to_numpy()) / max(len(test), 1)


def _errors(
    known: NDArray[np.str_],
    known_values: NDArray[np.generic],
    tried: NDArray[np.str_],
    tried_values: NDArray[np.generic],
    categorical: bool,
) -> tuple[float, float]:
    """Error of the look-up table and of a constant: squared error, or misclassified rows."""
    import numpy as np
    import pandas as pd

    frame = pd.DataFrame({"group": known, "value": known_values}).groupby("group")["value"]
    large = frame.size() >= SMALL
    if categorical:
        constant = pd.Series(known_values).mode().iloc[0]
        table = frame.agg(lambda values: values.mode().iloc[0])[large]
        guessed = pd.Series(tried).map(table).astype(object).fillna(constant).to_numpy()
        return float(np.sum(guessed != tried_values)), float(np.sum(constant != tried_values))
    mean = float(np.mean(known_values.astype(float)))
    guesses = pd.Series(tried).map(frame.mean()[large]).fillna(mean).to_numpy(dtype=float)
    actual = tried_values.astype(float)
    return float(np.sum((guesses - actual) ** 2)), float(np.sum((mean - actual) ** 2))


def _groups(feature: pd.Series[object]) -> NDArray[np.str_]:
    import pandas as pd

    bins = min(BINS, max(len(feature) // LARGE, 2))
    if pd.api.types.is_numeric_dtype(feature) and feature.nunique() > bins:
        feature = pd.qcut(feature, bins, duplicates="drop")
    plain: NDArray[np.str_] = feature.astype(str).to_numpy(dtype=str)
    return plain


def _target(data: Prepared, train: pd.DataFrame) -> str | None:
    answers = data.private / ANSWERS_FILE
    if not answers.exists():
        return None
    import pandas as pd

    return next(
        (name for name in pd.read_csv(answers, nrows=0).columns if name != ID and name in train), None
    )


def _table(data: Prepared, file: str) -> pd.DataFrame:
    import pandas as pd

    return pd.read_csv(data.public / file)
