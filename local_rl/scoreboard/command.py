"""`mlagent eval`: judge a policy on tasks with hidden answers, and compare policies."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from jupyter_mlagent import __version__, paths
from jupyter_mlagent.cli.options import parse_duration, run_async
from jupyter_mlagent.errors import MlagentError
from local_rl.scoreboard.evaluation import Results, evaluate, jobs_for
from local_rl.scoreboard.peers.run import Peer, PeerSettings, run_peer
from local_rl.scoreboard.records import EvaluationConfig, PolicyName, Trajectory
from local_rl.scoreboard.report import Evaluated, html
from local_rl.scoreboard.statistics import compare
from local_rl.scoreboard.table import comparison_line, markdown
from local_rl.tasks.suite import Split, find, tasks

app = typer.Typer(help="Judge a model on tasks with hidden answers.", invoke_without_command=True)
TABLE_FILE, REPORT_FILE = "scoreboard.md", "report.html"
STARTS = ("starter", "late", "all")


@app.callback()
def command(
    context: typer.Context,
    split: Annotated[Split, typer.Option("--split", help="Which half of the suite.")] = Split.HELD_OUT,
    task: Annotated[
        list[str] | None, typer.Option("--task", help="Only these tasks (ids or folders); may be repeated.")
    ] = None,
    start: Annotated[str, typer.Option("--from", help="Begin with: starter, late or all.")] = "starter",
    runs: Annotated[int, typer.Option("--runs", min=1, help="Trajectories for each task.")] = 8,
    steps: Annotated[int, typer.Option("--steps", min=1, help="Steps of one trajectory.")] = 10,
    candidates: Annotated[int, typer.Option("--candidates", "-n", min=1, max=32)] = 4,
    model: Annotated[
        str | None, typer.Option("--model", help="A model of the catalog, or a .gguf file.")
    ] = None,
    adapter: Annotated[Path | None, typer.Option("--adapter", help="A GGUF adapter for it.")] = None,
    engine: Annotated[
        str | None, typer.Option("--engine", help="URL of an OpenAI-compatible endpoint instead.")
    ] = None,
    budget: Annotated[
        str | None, typer.Option("--budget", help="Most time for one trajectory, e.g. 90s, 10m.")
    ] = None,
    trial_seconds: Annotated[float, typer.Option("--trial-seconds", min=0.1)] = 60.0,
    seed: Annotated[int, typer.Option("--seed")] = 0,
    parallel: Annotated[
        int,
        typer.Option("--parallel", min=1, help="Trajectories at once: trials of one while another samples."),
    ] = 1,
    name: Annotated[str | None, typer.Option("--name", help="What the tables call this policy.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for the results.", metavar="DIR")] = None,
) -> None:
    """Run trajectories on every task and write scores, a table and a report.

    Stopped at any moment, the same command goes on where it was. A trajectory depends on its seed alone, as
    far as the engine's sampling does.
    """
    if context.invoked_subcommand is not None:
        return
    if start not in STARTS:
        raise MlagentError(f"--from is starter, late or all, not '{start}'.")
    folders = [find(wanted) for wanted in task] if task else list(tasks(split))
    jobs = jobs_for(folders, runs, starter=start != "late", late=start != "starter")
    seconds = parse_duration(budget) if budget is not None else None
    console = Console(soft_wrap=True)

    def told(trajectory: Trajectory, done: int, total: int) -> None:
        console.print(
            f"{done}/{total}  {trajectory.task} ({trajectory.notebook}) run {trajectory.run}: "
            f"{trajectory.gain:+.1%} in {trajectory.seconds:.0f} s",
            highlight=False,
        )

    async def main() -> Results:
        from jupyter_mlagent.engine.open import open_engine

        opened = open_engine(engine or model)
        try:
            await opened.start()
            info = await opened.load_adapter(adapter)  # None: the base, whatever adapter is in use
            policy = PolicyName(
                name=name or _name_of(info.model, adapter),
                model=info.model,
                model_sha256=info.model_sha256 or "",
                adapter=str(adapter.absolute()) if adapter is not None else "",
            )
            config = EvaluationConfig(
                policy=policy,
                steps=steps,
                candidates=candidates,
                seed=seed,
                seconds=seconds,
                trial_seconds=trial_seconds,
                package_version=__version__,
            )
            results = Results(out or paths.data_dir() / "scoreboard" / _folder_name(policy.name))
            await evaluate(folders, jobs, opened, config, results, parallel=parallel, on_done=told)
            return results
        finally:
            await asyncio.shield(opened.close())

    results = run_async(main())
    _write([results], results.folder, console)


@app.command("report")
def report(
    folders: Annotated[
        list[Path], typer.Argument(help="Folders that `mlagent eval` wrote.", metavar="DIR...")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for table and report.", metavar="DIR")] = Path(),
) -> None:
    """Put evaluations side by side; the first is compared with each of the others."""
    out.mkdir(parents=True, exist_ok=True)
    _write([Results(folder) for folder in folders], out, Console(soft_wrap=True))


@app.command("peer")
def peer(
    which: Annotated[Peer, typer.Argument(help="Which one.")],
    python: Annotated[
        str, typer.Option("--python", help="Interpreter of the environment it is installed in.")
    ],
    seconds: Annotated[str, typer.Option("--seconds", help="Its time for each task, e.g. 60s.")] = "60s",
    split: Annotated[Split, typer.Option("--split")] = Split.HELD_OUT,
    task: Annotated[list[str] | None, typer.Option("--task", help="Only these; may be repeated.")] = None,
    runs: Annotated[int, typer.Option("--runs", min=1)] = 1,
    seed: Annotated[int, typer.Option("--seed")] = 0,
    url: Annotated[str, typer.Option("--url", help="OpenAI-compatible server, for AIDE.")] = "",
    model: Annotated[str, typer.Option("--model", help="The server's name of the model, for AIDE.")] = "",
    out: Annotated[Path | None, typer.Option("--out", help="Folder for the results.", metavar="DIR")] = None,
) -> None:
    """Run FLAML or AIDE on the same tasks for the same time; compare with `mlagent eval report`."""
    settings = PeerSettings(python=python, seconds=parse_duration(seconds), seed=seed, url=url, model=model)
    console = Console(soft_wrap=True)
    config = EvaluationConfig(
        policy=PolicyName(name=which.value, model=model or which.value),
        steps=1,
        candidates=1,
        seed=seed,
        seconds=settings.seconds,
        trial_seconds=settings.seconds,
        package_version=__version__,
    )
    results = Results(out or paths.data_dir() / "scoreboard" / which.value)
    results.claim(config)
    there = {trajectory.key for trajectory in results.read()}
    folders = [find(wanted) for wanted in task] if task else list(tasks(split))
    for run in range(runs):
        for folder in folders:
            if (folder.id, folder.starter.name, run) in there:
                continue
            trajectory = run_peer(which, folder, settings, run)
            if trajectory is None:
                console.print(f"{folder.id}: {which.value} takes no task of this kind", highlight=False)
                continue
            results.add(trajectory)
            note = f" ({trajectory.stopped})" if trajectory.stopped else ""
            line = f"{folder.id}: {trajectory.gain:+.1%} in {trajectory.seconds:.0f} s{note}"
            console.print(line, highlight=False, markup=False)
    _write([results], results.folder, console)


def _write(results: list[Results], folder: Path, console: Console) -> None:
    policies = [Evaluated(config=found.config(), trajectories=tuple(found.read())) for found in results]
    tables = [markdown(policy.config, policy.trajectories) for policy in policies]
    lines = []
    for other in policies[1:]:
        try:
            found = compare(policies[0].trajectories, other.trajectories)
        except ValueError as error:
            raise MlagentError(f"{policies[0].name} and {other.name} cannot be compared: {error}.") from error
        lines.append(comparison_line(policies[0].name, other.name, found))
    text = "\n".join([*tables, *lines])
    (folder / TABLE_FILE).write_text(text, encoding="utf-8")
    (folder / REPORT_FILE).write_text(html(policies), encoding="utf-8")
    console.print(text, highlight=False, markup=False)
    console.print(f"Written: {folder / TABLE_FILE}, {folder / REPORT_FILE}", highlight=False)


def _name_of(model: str, adapter: Path | None) -> str:
    return f"{model} + {adapter.stem}" if adapter is not None else model


def _folder_name(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9.+-]+", "-", name).strip("-") or "policy"
