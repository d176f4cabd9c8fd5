"""`mlagent doctor`: is everything in order here, and what to do where it is not."""

from __future__ import annotations

from typing import Annotated

import typer


def command(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object in place of lines.")] = False,
    deep: Annotated[bool, typer.Option("--deep", help="Compute the SHA-256 of the model, too.")] = False,
) -> None:
    """Check Python, llama.cpp, the sandbox, memory, disk, model and journal; exit code 1 on problems."""
    import msgspec
    from rich.console import Console
    from rich.markup import escape

    from jupyter_mlagent.doctor import Level, examine

    findings = []
    console = Console(highlight=False)
    mark = {
        Level.OK: "[green]ok     [/]",
        Level.WARNING: "[yellow]warning[/]",
        Level.PROBLEM: "[red]problem[/]",
    }
    for finding in examine(deep=deep):
        findings.append(finding)
        if as_json:
            continue
        console.print(f"{mark[finding.level]} {finding.check:<12} {escape(finding.says)}", soft_wrap=True)
        if finding.cure:
            console.print(f"{'':<20} [bold]{escape(finding.cure)}[/]", soft_wrap=True)
    healthy = all(finding.level is not Level.PROBLEM for finding in findings)
    if as_json:
        typer.echo(msgspec.json.encode({"healthy": healthy, "findings": findings}).decode())
    raise typer.Exit(0 if healthy else 1)
