"""First lines of a cell that make any table ready for an estimator: what small models get wrong most often.

Each defines one variable, which a pipeline starts with. The notebook's own preparation is used where it takes
in all columns. Imports are left to `agent/repair.py`, which completes them in any reply.
"""

from __future__ import annotations

from dataclasses import dataclass

from jupyter_mlagent.agent.situation import Situation

CODES, ENCODED, WORDS = "codes", "encoded", "words"

_CODES = """\
codes = make_column_transformer(
    (
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-1),
        make_column_selector(dtype_exclude="number"),
    ),
    remainder=SimpleImputer(strategy="median"),
)
"""
_ENCODED = """\
encoded = make_column_transformer(
    (
        OneHotEncoder(handle_unknown="ignore", min_frequency=5, sparse_output=False),
        make_column_selector(dtype_exclude="number"),
    ),
    remainder=SimpleImputer(strategy="median"),
)
"""
_DATED = """\
def with_calendar(table):
    date = pd.to_datetime(table["{date}"])
    return table.drop(columns="{date}").assign(
        weekday=date.dt.dayofweek, month=date.dt.month, day=date.dt.dayofyear, year=date.dt.year
    )
{name} = make_pipeline(FunctionTransformer(with_calendar), {name})
"""
_WORDS = """\
words = make_column_transformer(({vectorizer}, "{column}"))
"""


@dataclass(frozen=True)
class Preparation:
    name: str
    """Variable that a pipeline starts with."""
    opening: str = ""
    """Lines that define it; empty where the notebook has it."""
    vectorizer: str = ""
    """Source of the vectorizer of texts in it, if any."""


def prepared(situation: Situation, *, trees: bool) -> Preparation | None:
    """For a table with words or gaps; None where the estimator can be given the data as it is, or where the
    columns cannot be told apart. `trees`: nothing but trees follows, to which codes serve better than a
    column for each word.
    """
    if situation.plain_numbers or not situation.frames:
        return None
    if situation.preparation and situation.table.covered:
        return Preparation(situation.preparation)
    name, opening = (CODES, _CODES) if trees else (ENCODED, _ENCODED)
    date = situation.table.date
    return Preparation(name, opening + (_DATED.format(date=date, name=name) if date else ""))


def vectorized(column: str, vectorizer: str) -> Preparation:
    """For a table whose column of texts matters most; `vectorizer`: source of a scikit-learn vectorizer."""
    return Preparation(WORDS, _WORDS.format(vectorizer=vectorizer, column=column), vectorizer)


def after(plan: str, preparation: Preparation | None) -> str:
    """The plan, and what its pipeline starts with."""
    return f"{plan}, after {preparation.name} as the first step" if preparation is not None else plan


def begun(model: str, preparation: Preparation) -> str:
    """The pipeline's first lines: small models told of a preparation still go on with the notebook's own."""
    return f"{model} = make_pipeline(\n    {preparation.name},\n" if model else ""
