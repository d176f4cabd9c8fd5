"""Hotel bookings (Antonio, Almeida and Nunes 2019): arrivals of the last ten weeks are the test."""

from __future__ import annotations

from pathlib import Path

from local_rl.tasks.sources import r_table
from local_rl.tasks.tables import distinct, write_parts

TARGET = "avg_price_per_room"
FIRST_TEST_DAY = "2017-06-20"


def prepare(public: Path, private: Path) -> None:
    table = r_table("modeldata", "hotel_rates").drop(columns="arrival_date_num")
    table["arrival_date"] = table["arrival_date"].astype(str)
    table = distinct(table, TARGET)
    # Shuffled within each part: neighbours in the source are often one party with one price.
    table = table.sample(frac=1, random_state=5102)
    later = table["arrival_date"] >= FIRST_TEST_DAY
    write_parts(public, private, table[~later], table[later], target=TARGET)
