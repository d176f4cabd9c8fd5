"""Portal Project rodents: split by the day of capture, whose animals share plots; rare species left out."""

from __future__ import annotations

from pathlib import Path

from local_rl.tasks.sources import r_table
from local_rl.tasks.tables import SAMPLE_FILE, grouped_parts, write_parts

TARGET = "species_id"
FEATURES = ["year", "month", "plot_id", "plot_type", "sex", "hindfoot_length", "weight"]
KINDS = 20
ANIMALS = 9000
COMMON = "DM PP DO"


def prepare(public: Path, private: Path) -> None:
    table = r_table("ratdat", "complete")
    table = table[table["taxa"] == "Rodent"].dropna(subset=[TARGET])
    table = table[table[TARGET].isin(table[TARGET].value_counts().index[:KINDS])]
    table = table.sample(ANIMALS, random_state=5108)
    table["caught"] = table["year"] * 10000 + table["month"] * 100 + table["day"]
    train, test = grouped_parts(table, test_share=0.4, seed=5108, by="caught")
    write_parts(public, private, train[[*FEATURES, TARGET]], test[[*FEATURES, TARGET]], target=TARGET)
    sample = test[[TARGET]].reset_index(drop=True).assign(**{TARGET: COMMON})
    sample.insert(0, "id", range(len(train), len(train) + len(test)))
    sample.to_csv(public / SAMPLE_FILE, index=False)
