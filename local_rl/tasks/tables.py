"""From one table to a task's data: split, give opaque ids, write public and private parts.

Files of every task in a table's shape: public/train.csv (id, features, target), public/test.csv (id,
features), public/sample_submission.csv, private/answers.csv (id, target).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

ID = "id"
TRAIN_FILE = "train.csv"
TEST_FILE = "test.csv"
SAMPLE_FILE = "sample_submission.csv"
ANSWERS_FILE = "answers.csv"


def distinct(table: pd.DataFrame, target: str) -> pd.DataFrame:
    """One row for each combination of features, so that no test row has a twin in the training data."""
    features = [name for name in table.columns if name != target]
    return table.drop_duplicates(features).reset_index(drop=True)


def random_parts(
    table: pd.DataFrame, test_share: float, seed: int, *, stratify: str | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Train and test rows drawn at random; with `stratify`, that column's classes keep their shares."""
    from sklearn.model_selection import train_test_split

    train, test = train_test_split(
        table,
        test_size=test_share,
        random_state=seed,
        stratify=None if stratify is None else table[stratify],
    )
    return train, test


def grouped_parts(
    table: pd.DataFrame, test_share: float, seed: int, *, by: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Train and test rows that share no value of column `by`."""
    from sklearn.model_selection import GroupShuffleSplit

    splitter = GroupShuffleSplit(n_splits=1, test_size=test_share, random_state=seed)
    train, test = next(splitter.split(table, groups=table[by]))
    return table.iloc[train], table.iloc[test]


def write_parts(
    public: Path,
    private: Path,
    train: pd.DataFrame,
    test: pd.DataFrame,
    *,
    target: str,
    usual: float | None = None,
) -> None:
    """Write a table task whose submission holds one predicted column, named like the target.

    `usual` is the value of the sample submission where the target's own median or commonest class will not do
    (a probability is asked for).

    Rows of a random split arrive shuffled, those of a series in order; either way an id is only a number, so
    that it tells nothing about the source's row order beyond what the split itself does.
    """
    train, test = _with_ids(train, 0), _with_ids(test, len(train))
    train.to_csv(public / TRAIN_FILE, index=False)
    test.drop(columns=target).to_csv(public / TEST_FILE, index=False)
    test[[ID, target]].to_csv(private / ANSWERS_FILE, index=False)
    sample = _commonest(train[target]) if usual is None else usual
    test[[ID]].assign(**{target: sample}).to_csv(public / SAMPLE_FILE, index=False)


def write_class_parts(
    public: Path, private: Path, train: pd.DataFrame, test: pd.DataFrame, *, target: str
) -> None:
    """Like `write_parts`, for a submission with one column of probabilities for each class."""
    write_parts(public, private, train, test, target=target)
    shares = train[target].astype(str).value_counts(normalize=True).sort_index().round(6)
    sample = _with_ids(test, len(train))[[ID]].assign(**{str(name): share for name, share in shares.items()})
    sample.to_csv(public / SAMPLE_FILE, index=False)


def _commonest(values: pd.Series[Any]) -> Any:
    return values.median() if values.dtype.kind == "f" else values.mode().iloc[0]


def _with_ids(part: pd.DataFrame, first: int) -> pd.DataFrame:
    numbered = part.reset_index(drop=True)
    numbered.insert(0, ID, range(first, first + len(numbered)))
    return numbered
