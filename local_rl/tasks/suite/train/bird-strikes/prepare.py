"""Wildlife strikes (US FAA): reports with remarks; height and speed, which tell the phase, are left out."""

from __future__ import annotations

from pathlib import Path

from local_rl.tasks.sources import r_table
from local_rl.tasks.tables import random_parts, write_class_parts

TARGET = "phase"
PHASES = {
    "Approach": "approach",
    "Descent": "en route",
    "En Route": "en route",
    "Climb": "climb",
    "Take-off run": "runway",
    "Landing Roll": "runway",
}
FEATURES = ["remarks", "species", "atype", "time_of_day", "effect"]


def prepare(public: Path, private: Path) -> None:
    table = r_table("openintro", "birds").rename(columns={"phase_of_flt": TARGET})
    table[TARGET] = table[TARGET].map(PHASES)
    table = table[[*FEATURES, TARGET]].dropna(subset=["remarks", TARGET])
    # Stock phrases ("NO DAMAGE") stand in many reports and say nothing; one report for each text.
    table = table.drop_duplicates("remarks")
    train, test = random_parts(table, test_share=0.4, seed=4106, stratify=TARGET)
    write_class_parts(public, private, train, test, target=TARGET)
