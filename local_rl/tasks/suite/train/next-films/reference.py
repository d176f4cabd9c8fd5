"""Films that were watched next to a user's last films in time, blended with likeness over the whole graph.

People of this site rate in sessions, often down a list: what others rated just before and after a user's
latest films tells more than what they like in general.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

WINDOW = 12
RECENT = 25


def solve(public: Path, submission: Path) -> None:
    train = pd.read_csv(public / "train.csv").sort_values(["user", "time", "film"])
    users = pd.read_csv(public / "test.csv")["id"]
    names, codes = np.unique(train["film"], return_inverse=True)
    sequences = {
        user: codes[rows] for user, rows in train.reset_index(drop=True).groupby("user").indices.items()
    }
    beside = _beside(sequences, len(names))
    chosen = []
    for user in users:
        seen = sequences[user]
        # The newest film counts most.
        recent = seen[-RECENT:][::-1]
        weight = 0.9 ** np.arange(len(recent))
        score = weight @ beside[recent].toarray()
        score[seen] = -np.inf
        chosen.append(" ".join(map(str, names[np.argsort(-score, kind="stable")[:10]])))
    pd.DataFrame({"id": users, "films": chosen}).to_csv(submission, index=False)


def _beside(sequences: dict, size: int) -> csr_matrix:
    """How often two films were rated close to each other, by distance; damped by how common the films are."""
    rows, columns, weights = [], [], []
    for films in sequences.values():
        for step in range(1, WINDOW + 1):
            rows += [films[:-step], films[step:]]
            columns += [films[step:], films[:-step]]
            weights += [np.full(max(len(films) - step, 0), 1 / step)] * 2
    together = np.concatenate(weights), (np.concatenate(rows), np.concatenate(columns))
    counts = csr_matrix(together, shape=(size, size))
    common = np.asarray(counts.sum(axis=1)).ravel() + 5
    damped = counts.tocoo()
    damped.data = damped.data / np.sqrt(common[damped.row]) / common[damped.col] ** 0.2
    return damped.tocsr()
