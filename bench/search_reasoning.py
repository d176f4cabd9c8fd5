"""Does an analysis before the cells help a search? Same notebooks, seeds and seconds, with it and without.

For each notebook and seed it prints the best relative gain, and the nodes that the time sufficed for; then
the means, and the mean difference with its standard error. Neither runs the final selection.

    python bench/search_reasoning.py [--model NAME] [--seconds 300] [--seeds 3] [NB.ipynb ...]
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
from pathlib import Path

from jupyter_mlagent.engine.api import Engine
from jupyter_mlagent.engine.open import open_engine
from jupyter_mlagent.reward.reward import RewardConfig, relative_gain
from jupyter_mlagent.search.running import RunningSearch
from jupyter_mlagent.search.settings import SearchBudget, SearchSettings
from jupyter_mlagent.settings import SessionSettings
from jupyter_mlagent.workbench import open_workbench

EXAMPLES = Path(__file__).parents[1] / "examples"
WIDTH = 4


async def main() -> None:
    options = _options()
    notebooks = options.notebook or sorted(EXAMPLES.glob("*.ipynb"))
    gains: dict[bool, list[float]] = {False: [], True: []}
    engine = open_engine(options.model)
    try:
        for notebook in notebooks:
            for seed in range(options.seeds):
                for reasoning in (False, True):
                    wishes = SearchSettings(width=WIDTH, seed=seed, reasoning=reasoning, resplits=0)
                    gain, nodes = await _searched(engine, notebook, options.seconds, wishes)
                    gains[reasoning].append(gain)
                    word = "with" if reasoning else "without"
                    print(
                        f"{notebook.stem:24} seed {seed} {word:8} {gain:+8.2%} {nodes:4d} nodes", flush=True
                    )
    finally:
        await engine.close()
    pairs = [after - before for before, after in zip(gains[False], gains[True], strict=True)]
    error = statistics.stdev(pairs) / len(pairs) ** 0.5 if len(pairs) > 1 else float("nan")
    print(
        f"mean gain without {statistics.fmean(gains[False]):+.2%}, with {statistics.fmean(gains[True]):+.2%}"
    )
    print(f"difference {statistics.fmean(pairs):+.2%} ± {error:.2%} (standard error, {len(pairs)} pairs)")


async def _searched(
    engine: Engine, notebook: Path, seconds: float, wishes: SearchSettings
) -> tuple[float, int]:
    async with open_workbench(
        notebook, engine=engine, settings=SessionSettings(allow_unguarded=True)
    ) as workbench:
        await workbench.run_notebook()
        session = workbench.session
        metric = session.set_metric(workbench.cells)
        folder = Path(workbench.kernel.cwd)
        search = RunningSearch(session, workbench.cells, folder, SearchBudget(seconds=seconds), wishes)
        async for _ in search.events():
            pass
        tree = search.tree
    assert tree is not None
    base, best = tree.nodes[0].metric, tree.best
    if best is None or best.metric is None or base is None:
        return 0.0, len(tree.growths)
    return relative_gain(base, best.metric, metric.direction, RewardConfig()), len(tree.growths)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("notebook", nargs="*", type=Path, help="the examples where left out")
    parser.add_argument("--model", help="the default model where left out")
    parser.add_argument("--seconds", type=float, default=300.0, help="of each search")
    parser.add_argument("--seeds", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(main())
