"""The most diverse of many ideas: farthest points by cosine distance. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Sequence


def cosine_distance(one: Sequence[float], other: Sequence[float]) -> float:
    """1 - cosine, in [0, 2]; a vector without length is as far as one at a right angle."""
    lengths = math.sqrt(math.fsum(x * x for x in one)) * math.sqrt(math.fsum(y * y for y in other))
    if lengths == 0.0:
        return 1.0
    dot = math.fsum(x * y for x, y in zip(one, other, strict=True))
    return 1.0 - max(-1.0, min(1.0, dot / lengths))


def most_diverse(vectors: Sequence[Sequence[float]], count: int) -> list[int]:
    """Positions of `count` vectors that lie far from each other, or of all where there are fewer.

    The first is the one closest to all others on the whole; each next one lies farthest from its nearest
    chosen one (Gonzalez, 1985: within twice of the best possible smallest distance for that start). Of equals
    the earliest is taken, so that the same input gives the same answer.
    """
    if count <= 0 or not vectors:
        return []
    totals = [math.fsum(cosine_distance(one, other) for other in vectors) for one in vectors]
    chosen = [min(range(len(vectors)), key=totals.__getitem__)]
    nearest = [cosine_distance(vector, vectors[chosen[0]]) for vector in vectors]
    while len(chosen) < min(count, len(vectors)):
        left = [place for place in range(len(vectors)) if place not in chosen]
        farthest = max(left, key=nearest.__getitem__)
        chosen.append(farthest)
        nearest = [
            min(before, cosine_distance(vector, vectors[farthest]))
            for before, vector in zip(nearest, vectors, strict=True)
        ]
    return chosen
