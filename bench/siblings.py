"""How far apart are sibling cells, and from what distance on do they measure differently?

Reads the steps of a journal, embeds each cell as the search does (`search/distinct.py`), and compares those
that were tried from the same state and call the same estimators. For each distance it prints the share of
pairs that measured exactly the same: below the search's least distance a trial tells hardly anything new.

    python bench/siblings.py JOURNAL.sqlite [--model NAME]
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import statistics
import time
from collections import defaultdict
from pathlib import Path

from jupyter_mlagent.agent.dedupe import normalised_key
from jupyter_mlagent.agent.families import classify
from jupyter_mlagent.engine.open import open_engine
from jupyter_mlagent.journal import Journal, Step
from jupyter_mlagent.search.distinct import cosine_distance, essence

EDGES = (0.0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 2.0)


async def main() -> None:
    options = _options()
    with Journal.open(options.journal) as journal:
        steps = [step for step in journal.full_steps() if step.trial.metric_after is not None]
    groups: dict[tuple[str, ...], list[Step]] = defaultdict(list)
    for step in steps:
        codes = tuple(cell.source for cell in step.state.cells if cell.kind == "code")
        groups[(step.state.notebook, *codes)].append(step)
    engine = open_engine(options.model)
    try:
        await engine.start()
        await engine.embed(["warm up"])
        texts = list(dict.fromkeys(essence(step.proposal.code) for step in steps))
        began = time.perf_counter()
        vectors = dict(zip(texts, await engine.embed(texts), strict=True))
        each = (time.perf_counter() - began) / max(1, len(texts))
    finally:
        await engine.close()
    _report(list(groups.values()), vectors, each)


def _report(groups: list[list[Step]], vectors: dict[str, list[float]], each: float) -> None:
    alike: list[tuple[float, bool]] = []
    others: list[float] = []
    for group in groups:
        for one, other in itertools.combinations(group, 2):
            if normalised_key(one.proposal.code) == normalised_key(other.proposal.code):
                continue
            distance = cosine_distance(
                vectors[essence(one.proposal.code)], vectors[essence(other.proposal.code)]
            )
            if classify(one.proposal.code) == classify(other.proposal.code):
                alike.append((distance, one.trial.metric_after == other.trial.metric_after))
            else:
                others.append(distance)
    print(f"{sum(map(len, groups))} cells in {len(groups)} states, {each * 1000:.0f} ms to embed one")
    if others:
        print(f"{len(others)} pairs of other estimators: median distance {statistics.median(others):.4f}, "
              f"nearest {min(others):.4f}")  # fmt: skip
    print(f"{len(alike)} pairs of the same estimators:")
    for low, high in itertools.pairwise(EDGES):
        same = [equal for distance, equal in alike if low <= distance < high]
        if same:
            share = sum(same) / len(same)
            print(f"  {low:.3f} to {high:.3f}   {len(same):5d} pairs   {share:6.0%} measure the same")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("journal", type=Path)
    parser.add_argument("--model", help="whose embeddings; the default model where left out")
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(main())
