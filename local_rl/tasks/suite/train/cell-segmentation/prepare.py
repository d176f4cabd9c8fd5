"""Cell segmentation (Hill et al. 2007): a stratified split; the publisher's own split column is dropped."""

from __future__ import annotations

from pathlib import Path

from local_rl.tasks.sources import r_table
from local_rl.tasks.tables import distinct, random_parts, write_parts

TARGET = "class"


def prepare(public: Path, private: Path) -> None:
    table = distinct(r_table("modeldata", "cells").drop(columns="case"), TARGET)
    train, test = random_parts(table, test_share=0.35, seed=4102, stratify=TARGET)
    write_parts(public, private, train, test, target=TARGET, usual=0.5)
