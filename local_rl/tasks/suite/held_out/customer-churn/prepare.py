"""Churn data of MLC++: a stratified split."""

from __future__ import annotations

from pathlib import Path

from local_rl.tasks.sources import r_table
from local_rl.tasks.tables import distinct, random_parts, write_parts

TARGET = "churn"


def prepare(public: Path, private: Path) -> None:
    table = distinct(r_table("modeldata", "mlc_churn"), TARGET)
    train, test = random_parts(table, test_share=0.4, seed=5101, stratify=TARGET)
    write_parts(public, private, train, test, target=TARGET)
