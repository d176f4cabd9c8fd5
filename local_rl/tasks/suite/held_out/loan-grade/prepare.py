"""LendingClub loans: what is decided by the grade, or happens after it, is left out."""

from __future__ import annotations

from pathlib import Path

from local_rl.tasks.sources import r_table
from local_rl.tasks.tables import distinct, random_parts, write_parts

TARGET = "grade"
FOLLOWS_FROM_GRADE = [
    "sub_grade",
    "interest_rate",
    "installment",
    "issue_month",
    "loan_status",
    "initial_listing_status",
    "disbursement_method",
    "balance",
    "paid_total",
    "paid_principal",
    "paid_interest",
    "paid_late_fees",
]


def prepare(public: Path, private: Path) -> None:
    table = r_table("openintro", "loans_full_schema").drop(columns=FOLLOWS_FROM_GRADE)
    table[TARGET] = table[TARGET].map("ABCDEFG".index)
    table = distinct(table, TARGET)
    train, test = random_parts(table, test_share=0.4, seed=5103, stratify=TARGET)
    write_parts(public, private, train, test, target=TARGET)
