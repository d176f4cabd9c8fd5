"""Restaurant deliveries (Kuhn): a random split of a third of the orders, so that the data are not plenty."""

from __future__ import annotations

from pathlib import Path

from local_rl.tasks.sources import r_table
from local_rl.tasks.tables import distinct, random_parts, write_parts

TARGET = "time_to_delivery"
ORDERS = 5000


def prepare(public: Path, private: Path) -> None:
    table = distinct(r_table("modeldata", "deliveries"), TARGET).sample(ORDERS, random_state=5105)
    train, test = random_parts(table, test_share=0.4, seed=5105)
    write_parts(public, private, train, test, target=TARGET)
