"""Films of 2005 (IMDb) with enough votes; the histogram of votes (r1 to r10) is the rating: left out."""

from __future__ import annotations

from pathlib import Path

from local_rl.tasks.sources import r_table
from local_rl.tasks.tables import random_parts, write_parts

TARGET = "rating"
MINIMUM_VOTES = 50
VOTES = [f"r{stars}" for stars in range(1, 11)]


def prepare(public: Path, private: Path) -> None:
    table = r_table("ggplot2movies", "movies").drop(columns=VOTES)
    table = table[table["votes"] >= MINIMUM_VOTES].drop_duplicates(["title", "year"])
    train, test = random_parts(table, test_share=0.4, seed=4107)
    write_parts(public, private, train, test, target=TARGET)
