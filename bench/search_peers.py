"""Nodes a minute, and gains, of this project's tree search beside AIDE: same tasks, seconds and model server.

    python -m llama_cpp.server --model MODEL.gguf --model_alias qwen --n_ctx 8192 --port 8000 &
    python -m venv aide && aide/bin/pip install aideml
    python bench/search_peers.py --aide aide/bin/python --url http://localhost:8000/v1 --model qwen

With `--ours NAME` this project's search runs that model of the catalog (the same file, please) in its own
engine, as a person has it; without it, it asks the server too.
A node is a cell (ours) or a script (AIDE's) that was executed. Prints a line a task, then the ratio of nodes
a minute beside its limit and the mean relative gain of each on the hidden answers.
"""

from __future__ import annotations

import argparse
import statistics
import sys

from jupyter_mlagent.cli.options import parse_duration
from local_rl.scoreboard.peers.run import Peer, PeerSettings, run_peer
from local_rl.scoreboard.records import Trajectory
from local_rl.tasks.suite import Split, find, tasks

LIMIT_RATIO = 5.0


def main() -> None:
    options = _options()
    folders = [find(name) for name in options.task] if options.task else list(tasks(Split.HELD_OUT))
    found: dict[Peer, list[Trajectory]] = {Peer.SEARCH: [], Peer.AIDE: []}
    for folder in folders:
        for peer, python in ((Peer.SEARCH, sys.executable), (Peer.AIDE, options.aide)):
            ours = peer is Peer.SEARCH and bool(options.ours)
            settings = PeerSettings(
                python=python,
                seconds=parse_duration(options.seconds),
                seed=options.seed,
                url="" if ours else options.url,
                model=options.ours if ours else options.model,
            )
            trajectory = run_peer(peer, folder, settings, 0)
            if trajectory is None:
                continue
            found[peer].append(trajectory)
            nodes = trajectory.steps[0].sampled
            rate = 60 * nodes / trajectory.seconds
            line = f"{folder.id:28} {peer.value:7} {nodes:4d} nodes {rate:7.1f} a minute"
            print(f"{line} {trajectory.gain:+8.1%}  {trajectory.stopped}", flush=True)
    rates = {peer: _rate(runs) for peer, runs in found.items() if runs}
    for peer, rate in rates.items():
        gain = statistics.fmean(run.gain for run in found[peer])
        print(f"{peer.value:7} {rate:7.1f} nodes a minute, mean gain {gain:+.1%} on {len(found[peer])} tasks")
    if rates.get(Peer.AIDE):
        print(f"nodes a minute, ratio {rates[Peer.SEARCH] / rates[Peer.AIDE]:.1f}x (>= {LIMIT_RATIO:.0f}x)")


def _rate(runs: list[Trajectory]) -> float:
    return 60 * sum(run.steps[0].sampled for run in runs) / sum(run.seconds for run in runs)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--aide", required=True, help="interpreter of the environment that has aideml")
    parser.add_argument("--url", required=True, help="OpenAI-compatible server for both")
    parser.add_argument("--model", required=True, help="the server's name of the model")
    parser.add_argument("--ours", default="", help="model of the catalog for this project's search")
    parser.add_argument("--seconds", default="600s", help="of each task and peer")
    parser.add_argument("--task", action="append", help="only this task; may be repeated")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
