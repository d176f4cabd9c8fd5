"""Stack Overflow survey of 2017: a stratified split of distinct answers."""

from __future__ import annotations

from pathlib import Path

from local_rl.tasks.sources import r_table
from local_rl.tasks.tables import distinct, random_parts, write_parts

TARGET = "Remote"


def prepare(public: Path, private: Path) -> None:
    table = distinct(r_table("modeldata", "stackoverflow"), TARGET)
    train, test = random_parts(table, test_share=0.4, seed=5106, stratify=TARGET)
    write_parts(public, private, train, test, target=TARGET, usual=0.1)
