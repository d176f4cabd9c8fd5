"""`mlagent adapters`: what was learned here; compare, promote, roll back, give away, take in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console, JustifyMethod
from rich.markup import escape
from rich.table import Table

from jupyter_mlagent.cli.options import run_async
from jupyter_mlagent.training_events import AdapterComparison
from local_rl.errors import AdapterError

app = typer.Typer(help="What was learned on this machine: list, compare, promote.", no_args_is_help=True)

NameArgument = Annotated[
    str, typer.Argument(help="Name of an adapter, or its unambiguous beginning.", metavar="NAME")
]


@app.command("list")
def list_adapters() -> None:
    """The adapters of this machine, newest first; the one in use has a star."""
    from local_rl.training.service import adapter_list

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("", "Adapter", "Model", "Learned by", "Steps", "Held out", "Created"):
        justify: JustifyMethod = "right" if name in ("Steps", "Held out") else "left"
        table.add_column(name, justify=justify, no_wrap=name == "Adapter")
    found = adapter_list()
    for info in found:
        score = "" if info.held_out_score is None else f"{info.held_out_score:+.1%}"
        table.add_row(
            "*" if info.active else "",
            info.name,
            info.base_model,
            info.kind.value,
            str(info.steps or ""),
            score,
            info.created[:16].replace("T", " "),
        )
    if found:
        Console().print(table)
    else:
        typer.echo("There are none yet; make one with: mlagent train explore")


@app.command("show")
def show(name: NameArgument) -> None:
    """What an adapter was made from, and with which settings."""
    from local_rl.adapters.active import active_name
    from local_rl.adapters.judge import held_out_score
    from local_rl.adapters.store import find_adapter

    adapter, console = find_adapter(name), Console(soft_wrap=True)
    record = adapter.record
    score = held_out_score(record.name, record.base_sha256)
    in_use = active_name(record.base_sha256) == record.name
    rows = {
        "In use": "yes" if in_use else "no",
        "Base": f"{record.base_model} ({record.base_sha256[:12]}, {record.architecture})",
        "Created": record.created,
        "Learned by": record.kind.value,
        "Went on from": record.before or "the base",
        "Steps": str(record.steps),
        "Held out": "not judged yet" if score is None else f"{score:+.1%} over the baselines",
        "Data": record.data_fingerprint[:12] or "not known",
        "Run": record.run or "-",
        "File": f"{adapter.gguf} ({adapter.gguf.stat().st_size / 1e6:.1f} MB)",
        "Note": record.note,
    }
    console.print(f"[bold]{escape(record.name)}[/bold]")
    for title, value in rows.items():
        console.print(f"{title:<13} {escape(value)}", highlight=False)
    if record.config:
        console.print(f"\n{escape(record.config)}", highlight=False)


@app.command("compare")
def compare(
    name: NameArgument,
    runs: Annotated[int, typer.Option("--runs", min=1, help="Trajectories for each task.")] = 4,
    steps: Annotated[int, typer.Option("--steps", min=1, help="Steps of one trajectory.")] = 4,
    candidates: Annotated[int, typer.Option("--candidates", "-n", min=1, max=32)] = 4,
    seed: Annotated[int, typer.Option("--seed")] = 0,
) -> None:
    """Judge an adapter against the one in use on the held-out tasks; stopped, the same command goes on."""
    from jupyter_mlagent.engine.active import active_adapter
    from jupyter_mlagent.engine.catalog import resolve
    from local_rl.adapters.active import active_name
    from local_rl.adapters.judge import JudgeConfig, compare_stored, measure
    from local_rl.adapters.store import check_intact, find_adapter
    from local_rl.scoreboard.records import Trajectory

    adapter, console = find_adapter(name), Console(soft_wrap=True)
    check_intact(adapter)
    base_sha256 = adapter.record.base_sha256
    base = resolve(adapter.record.base_model)
    config = JudgeConfig(runs=runs, steps=steps, candidates=candidates, seed=seed)
    active = active_name(base_sha256)
    if active == adapter.name:
        raise AdapterError(f"{adapter.name} is the adapter in use: there is nothing to compare it with.")
    judged = ((active, active_adapter(base_sha256)), (adapter.name, adapter.gguf))
    for title, gguf in judged:

        def told(trajectory: Trajectory, done: int, total: int, title: str | None = title) -> None:
            console.print(
                f"{title or 'base'} {done}/{total}  {trajectory.task}: {trajectory.gain:+.1%}",
                highlight=False,
            )

        run_async(measure(title, gguf, base, base_sha256, config, told))
    _print(compare_stored(adapter), console)


@app.command("promote")
def promote(
    name: NameArgument,
    force: Annotated[
        bool, typer.Option("--force", help="Even without a comparison that it won; at your own risk.")
    ] = False,
) -> None:
    """Put an adapter to use, if it was shown to be better; running engines swap with their next request."""
    from local_rl.adapters.promotion import promote as make_active

    adapter = make_active(name, force=force)
    typer.echo(f"{adapter.name} is in use for {adapter.record.base_model} from now on.")


@app.command("rollback")
def rollback(
    model: Annotated[
        str | None, typer.Option("--model", help="Of which model, where several have adapters.")
    ] = None,
) -> None:
    """Back to what was in use before the last promotion."""
    from jupyter_mlagent.engine.catalog import resolve
    from local_rl.adapters.promotion import roll_back_latest
    from local_rl.policy.weights import identity

    _, now = roll_back_latest(identity(resolve(model)) if model is not None else None)
    typer.echo(f"{now or 'The base model as it is'} is in use again.")


@app.command("export")
def export(
    name: NameArgument,
    to: Annotated[
        Path | None, typer.Option("--to", help="File to write; a .gguf for the engine's form alone.")
    ] = None,
) -> None:
    """Write an adapter to one file, for another machine."""
    import shutil

    from local_rl.adapters.making import give_away
    from local_rl.adapters.store import check_intact, find_adapter

    adapter = find_adapter(name)
    target = to or Path(f"{adapter.name}.zip")
    if target.exists():
        raise AdapterError(f"{target} exists already; give another name with --to.")
    if target.suffix == ".gguf":
        check_intact(adapter)
        shutil.copyfile(adapter.gguf, target)
    else:
        give_away(adapter, target)
    typer.echo(f"Written: {target}")


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="What `export` wrote, or a GGUF adapter.", metavar="FILE")],
    model: Annotated[
        str | None, typer.Option("--model", help="Its base, where a GGUF adapter does not say.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="What to call it here.")] = None,
) -> None:
    """Take in an adapter from elsewhere; it is in use only after it was promoted."""
    from jupyter_mlagent.engine.catalog import resolve
    from local_rl.adapters.making import take_in

    adapter = take_in(file, resolve(model) if model is not None else None, name)
    typer.echo(f"{adapter.name} is here, for {adapter.record.base_model}.")


@app.command("remove")
def remove(name: NameArgument) -> None:
    """Delete an adapter that is not in use."""
    from local_rl.adapters.store import find_adapter
    from local_rl.adapters.store import remove as delete

    adapter = find_adapter(name)
    delete(adapter)
    typer.echo(f"{adapter.name} is gone.")


def _print(found: AdapterComparison, console: Console) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("Held-out task", found.active or "base", found.candidate, "Difference"):
        table.add_column(title, justify="left" if title == "Held-out task" else "right")
    for task in found.tasks:
        change = task.after - task.before
        table.add_row(task.task, f"{task.before:+.1%}", f"{task.after:+.1%}", f"{change:+.1%}")
    console.print(table)
    console.print(found.reason, highlight=False)
    if found.promotable:
        console.print(f"Put it to use with: mlagent adapters promote {found.candidate}", highlight=False)
