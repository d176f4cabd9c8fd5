"""`%mlagent` for any notebook front end: suggest, show, accept, reject, metric, status."""

from __future__ import annotations

import argparse
import shlex
from typing import Any, NoReturn

from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_magic, magics_class

from jupyter_mlagent import events
from jupyter_mlagent.companion import Companion
from jupyter_mlagent.errors import MlagentError
from jupyter_mlagent.records import Candidate, Direction


class _Parser(argparse.ArgumentParser):
    """argparse that raises instead of ending the kernel."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"%mlagent: {message}. See %mlagent help.")

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:  # noqa: ARG002 - argparse's
        raise UsageError(message or "")


def _parser() -> _Parser:
    parser = _Parser(prog="%mlagent", add_help=False)
    commands = parser.add_subparsers(dest="command", required=True, parser_class=_Parser)
    suggest = commands.add_parser("suggest", add_help=False, help="propose the next cell, try it, rank")
    suggest.add_argument("--candidates", "-n", type=int, default=None)
    suggest.add_argument("--hint", default="")
    suggest.add_argument("--model", default=None)
    for target in (suggest, commands.add_parser("metric", add_help=False, help="what should get better")):
        target.add_argument("--metric", default=None)
        way = target.add_mutually_exclusive_group()
        way.add_argument("--maximize", dest="direction", action="store_const", const=Direction.MAXIMIZE)
        way.add_argument("--minimize", dest="direction", action="store_const", const=Direction.MINIMIZE)
    for name, text in (("show", "print a candidate's code"), ("accept", "run it in this cell's place")):
        commands.add_parser(name, add_help=False, help=text).add_argument("rank", type=int)
    reject = commands.add_parser("reject", add_help=False, help="throw one away")
    reject.add_argument("rank", type=int)
    reject.add_argument("reason", nargs="*")
    commands.add_parser("status", add_help=False, help="model, metric and journal")
    commands.add_parser("help", add_help=False, help="this text")
    return parser


@magics_class
class MlagentMagics(Magics):  # type: ignore[misc]
    """Holds the kernel's companion, made at the first command that needs it."""

    def __init__(self, shell: Any) -> None:
        super().__init__(shell)
        self._companion: Companion | None = None

    @line_magic  # type: ignore[untyped-decorator]
    def mlagent(self, line: str) -> None:
        """Measured suggestions for this notebook; `%mlagent help` lists the commands."""
        parser = _parser()
        arguments = parser.parse_args(shlex.split(line) or ["help"])
        try:
            if arguments.command == "help":
                print(parser.format_help())  # noqa: T201 - a magic speaks through its cell's output
            else:
                getattr(self, f"_{arguments.command}")(arguments)
        except MlagentError as error:
            raise UsageError(str(error)) from None

    def _ready(self, model: str | None = None) -> Companion:
        if self._companion is None:
            self._companion = Companion(self.shell, model)
        return self._companion

    def _suggest(self, arguments: argparse.Namespace) -> None:
        from jupyter_mlagent.widgets import ProposalView

        companion = self._ready(arguments.model)
        if arguments.metric or companion.session.metric is None:
            companion.session.set_metric(companion.cells, arguments.metric, arguments.direction)
        view = ProposalView(companion, self.run_accepted)
        view.show()
        last = companion.suggest(view.event, candidates=arguments.candidates, hint=arguments.hint)
        if isinstance(last, events.Failed):
            raise MlagentError(last.message)

    def _metric(self, arguments: argparse.Namespace) -> None:
        companion = self._ready()
        metric = companion.session.set_metric(companion.cells, arguments.metric, arguments.direction)
        print(f"{metric.expression} ({metric.direction.value}, {metric.origin})")  # noqa: T201

    def _show(self, arguments: argparse.Namespace) -> None:
        print(self._ranked(arguments.rank).proposal.code)  # noqa: T201

    def _accept(self, arguments: argparse.Namespace) -> None:
        candidate = self._ranked(arguments.rank)
        source = self.run_accepted(candidate.proposal.id)
        # The cell that said `%mlagent accept` becomes the accepted cell, above the outputs of its run.
        self.shell.set_next_input(source, replace=True)

    def run_accepted(self, proposal_id: str) -> str:
        """Record the verdict, run the tried source in this kernel, compare; returns the source."""
        companion = self._ready()
        acceptance = companion.accept(proposal_id)
        shell = self.shell
        shell.run_cell(acceptance.source, store_history=False)
        self._remember(acceptance.source)
        outcome = companion.wait(companion.session.confirm(acceptance))
        print(outcome.message)  # noqa: T201
        return acceptance.source

    def _remember(self, source: str) -> None:
        """Let the history hold what ran, not the command that ran it: later steps and replays need it."""
        inputs = self.shell.user_ns.get("In", [])
        if inputs:
            inputs[-1] = source
        manager = self.shell.history_manager
        if manager is not None and manager.input_hist_raw:
            manager.input_hist_raw[-1] = source
            manager.input_hist_parsed[-1] = source

    def _reject(self, arguments: argparse.Namespace) -> None:
        candidate = self._ranked(arguments.rank)
        self._ready().reject(candidate.proposal.id, " ".join(arguments.reason))

    def _status(self, _: argparse.Namespace) -> None:
        companion = self._ready()
        info = companion.wait(companion.engine.start())
        metric = companion.session.metric
        print(f"model   {info.model} ({info.context_tokens} tokens of context)")  # noqa: T201
        print(f"metric  {f'{metric.expression} ({metric.direction.value})' if metric else 'none yet'}")  # noqa: T201
        print(f"waiting {len(companion.session.outstanding)} proposals")  # noqa: T201

    def _ranked(self, rank: int) -> Candidate:
        waiting = self._companion.session.outstanding if self._companion else ()
        for candidate in waiting:
            if candidate.rank == rank:
                return candidate
        raise MlagentError(f"There is no candidate {rank} waiting; run %mlagent suggest first.")


def register(shell: Any) -> None:
    """Add the magics to an IPython shell."""
    shell.register_magics(MlagentMagics)
