"""Fine food reviews (McAuley and Leskovec 2013): the source's two parts joined and split anew."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from local_rl.tasks.sources import r_table
from local_rl.tasks.tables import distinct, random_parts, write_class_parts

TARGET = "score"


def prepare(public: Path, private: Path) -> None:
    parts = [r_table("modeldata", name) for name in ("training_data", "testing_data")]
    table = distinct(pd.concat(parts, ignore_index=True)[["review", TARGET]], TARGET)
    train, test = random_parts(table, test_share=0.4, seed=5104, stratify=TARGET)
    write_class_parts(public, private, train, test, target=TARGET)
