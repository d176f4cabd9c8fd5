"""US crash data (NASS CDS): split by crash, so that the occupants of one car stay on one side.

Left out: injury severity (its top grade is the outcome), case number, and sampling weight.
"""

from __future__ import annotations

from pathlib import Path

from local_rl.tasks.sources import r_table
from local_rl.tasks.tables import distinct, grouped_parts, write_parts

TARGET = "dead"


def prepare(public: Path, private: Path) -> None:
    table = r_table("DAAG", "nassCDS").drop(columns=["injSeverity", "weight"])
    table = distinct(table, TARGET)
    train, test = grouped_parts(table, test_share=0.35, seed=4104, by="caseid")
    hidden = distinct(test.drop(columns="caseid"), TARGET)
    seen = distinct(train.drop(columns="caseid"), TARGET)
    features = [name for name in seen.columns if name != TARGET]
    twins = hidden.merge(seen[features], on=features, how="left", indicator=True)["_merge"] == "both"
    write_parts(public, private, seen, hidden[~twins.to_numpy()], target=TARGET)
