"""Ames housing (De Cock 2011): a random split of all sales."""

from __future__ import annotations

from pathlib import Path

from local_rl.tasks.sources import r_table
from local_rl.tasks.tables import distinct, random_parts, write_parts

TARGET = "Sale_Price"


def prepare(public: Path, private: Path) -> None:
    table = distinct(r_table("modeldata", "ames"), TARGET)
    train, test = random_parts(table, test_share=0.3, seed=4101)
    write_parts(public, private, train, test, target=TARGET)
