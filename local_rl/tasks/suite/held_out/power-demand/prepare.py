"""Electricity demand of Victoria in 2014: the last ten weeks are the test, in the order of time."""

from __future__ import annotations

from pathlib import Path

from local_rl.tasks.sources import r_table
from local_rl.tasks.tables import write_parts

TARGET = "demand"
HALF_HOURS = 48
TEST_DAYS = 70


def prepare(public: Path, private: Path) -> None:
    table = r_table("fpp2", "elecdemand")
    table = table.rename(columns={"Demand": TARGET, "WorkDay": "working_day", "Temperature": "temperature"})
    table.insert(0, "day", table.index // HALF_HOURS)
    table.insert(1, "half_hour", table.index % HALF_HOURS)
    split = len(table) - TEST_DAYS * HALF_HOURS
    write_parts(public, private, table[:split], table[split:], target=TARGET)
