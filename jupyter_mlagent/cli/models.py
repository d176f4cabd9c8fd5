"""`mlagent models`: what there is, what is here, and fetching it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from jupyter_mlagent.engine.catalog import ModelSpec

app = typer.Typer(help="List, fetch and check models.", invoke_without_command=True)

ModelName = Annotated[
    str | None, typer.Argument(metavar="[NAME]", help="A model of the catalog; left out: the default here.")
]


@app.callback()
def _list_by_default(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        show(as_json=False)


@app.command("list")
def show(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object in place of a table.")] = False,
) -> None:
    """The catalog: size, memory need, licence, what is here, and which is the default and why."""
    from jupyter_mlagent import paths
    from jupyter_mlagent.engine import catalog

    choice = catalog.default_model()
    if as_json:
        import msgspec

        answer = {
            "default": choice.model.name,
            "reason": choice.reason,
            "folder": str(paths.models_dir()),
            "models": [_facts(model) for model in catalog.models()],
        }
        typer.echo(msgspec.json.encode(answer).decode())
        return
    from rich.console import Console

    console = Console(highlight=False)
    console.print(_table(choice.model))
    console.print(
        f"{choice.model.name} is the default on this machine: {choice.reason}.", soft_wrap=True, markup=False
    )
    console.print(f"Models are kept in {paths.models_dir()}", soft_wrap=True, markup=False)


def _facts(model: ModelSpec) -> dict[str, object]:
    return {
        "name": model.name,
        "title": model.title,
        "bytes": model.bytes,
        "memory_bytes": model.memory_bytes(),
        "gpu_bytes": model.gpu_bytes,
        "context_tokens": model.context_tokens,
        "licence": model.licence,
        "repository": model.repository,
        "present": model.present,
        "path": str(model.path()),
    }


def _table(default: ModelSpec) -> Table:
    from rich.table import Table

    from jupyter_mlagent.engine import catalog

    table = Table(box=None, pad_edge=False)
    table.add_column("", no_wrap=True)
    table.add_column("model", no_wrap=True)
    table.add_column("download", justify="right", no_wrap=True)
    table.add_column("memory", justify="right", no_wrap=True)
    table.add_column("licence", no_wrap=True)
    table.add_column("here", no_wrap=True)
    table.add_column("")
    for model in catalog.models():
        quantization = model.title.rpartition(", ")[2]
        table.add_row(
            "*" if model.name == default.name else "",
            model.name,
            f"{model.bytes / 1e9:.2f} GB",
            f"{model.memory_bytes() / 1e9:.1f} GB",
            model.licence,
            "yes" if model.present else "no",
            quantization + (f", GPU of {model.gpu_bytes / 1e9:.0f} GB" if model.gpu_bytes else ""),
            style="bold" if model.name == default.name else "",
        )
    return table


@app.command()
def pull(name: ModelName = None) -> None:
    """Fetch a model (resumed where it stopped), verify it by its SHA-256 and put it in place."""
    from jupyter_mlagent.cli.fetching import ProgressLine
    from jupyter_mlagent.engine import catalog, download

    model = catalog.find(name) if name else catalog.default_model().model
    try:
        with ProgressLine(model.name) as progress:
            found = download.pull(model, progress.update)
    except KeyboardInterrupt:
        typer.echo("Stopped; what has arrived is kept, and the same command goes on from there.", err=True)
        raise typer.Exit(130) from None
    typer.echo(f"{model.name} is here and verified: {found.path}", err=True)


@app.command()
def verify(name: ModelName = None) -> None:
    """Compare the SHA-256 of a model (left out: of all that are here) with the published one."""
    from jupyter_mlagent.cli.fetching import ProgressLine
    from jupyter_mlagent.engine import catalog, download
    from jupyter_mlagent.errors import ModelError

    chosen = [catalog.find(name)] if name else [model for model in catalog.models() if model.present]
    if not chosen:
        raise ModelError("No model is here yet; fetch one with: mlagent models pull")
    failures = []
    for model in chosen:
        try:
            with ProgressLine(model.name) as progress:
                download.verify(model, progress.update)
        except ModelError as error:
            failures.append(str(error))
        else:
            typer.echo(f"{model.name} is what its publisher published.")
    if failures:
        raise ModelError(" ".join(failures))


@app.command()
def path(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]", help="A model of the catalog or a .gguf file; left out: the default."
        ),
    ] = None,
) -> None:
    """Print where a model's (first) file is."""
    from jupyter_mlagent.engine import catalog

    typer.echo(catalog.resolve(name).path)
