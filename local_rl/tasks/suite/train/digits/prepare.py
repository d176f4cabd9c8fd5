"""Optical recognition of handwritten digits (UCI): a stratified split."""

from __future__ import annotations

from pathlib import Path

from sklearn.datasets import load_digits

from local_rl.tasks.tables import distinct, random_parts, write_parts

TARGET = "digit"


def prepare(public: Path, private: Path) -> None:
    table = load_digits(as_frame=True).frame.rename(columns={"target": TARGET})
    table = distinct(table.astype(int), TARGET)
    train, test = random_parts(table, test_share=0.5, seed=4105, stratify=TARGET)
    write_parts(public, private, train, test, target=TARGET)
