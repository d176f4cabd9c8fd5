"""Job scheduling (Kuhn and Johnson 2013, chapter 17): a stratified split, classes as ordered numbers."""

from __future__ import annotations

from pathlib import Path

from local_rl.tasks.sources import r_table
from local_rl.tasks.tables import distinct, random_parts, write_parts

TARGET = "run_time"
ORDER = {"VF": 0, "F": 1, "M": 2, "L": 3}


def prepare(public: Path, private: Path) -> None:
    table = r_table("modeldata", "hpc_data").rename(columns={"class": TARGET})
    table[TARGET] = table[TARGET].map(ORDER)
    table = distinct(table, TARGET)
    train, test = random_parts(table, test_share=0.35, seed=4103, stratify=TARGET)
    write_parts(public, private, train, test, target=TARGET)
