"""Ridership of one station: the last three years are the test, in the order of time."""

from __future__ import annotations

from pathlib import Path

from local_rl.tasks.sources import r_table
from local_rl.tasks.tables import write_parts

TARGET = "ridership"
FIRST_TEST_DAY = "2013-09-01"


def prepare(public: Path, private: Path) -> None:
    table = r_table("modeldata", "Chicago")
    table["date"] = table["date"].astype(str)
    table = table.sort_values("date", ignore_index=True)
    later = table["date"] >= FIRST_TEST_DAY
    write_parts(public, private, table[~later], table[later], target=TARGET)
