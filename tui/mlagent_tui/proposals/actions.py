"""What keys do about proposals: ask, with a hint or without, decide, stop; the metric behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlagent_tui.desk.events import MetricWanted, Said
from mlagent_tui.deskscreen import DeskScreen
from mlagent_tui.proposals.panel import ProposalPanel

if TYPE_CHECKING:
    from mlagent_tui.dialogs.metric import MetricWish


class ProposalActions(DeskScreen):
    """Actions of the notebook screen; the bindings stand there and on the panel."""

    @property
    def panel(self) -> ProposalPanel:
        return self.query_one(ProposalPanel)

    def show_panel(self, shown: bool = True, *, focus: bool = True) -> None:
        self.panel.set_class(shown, "-shown")
        if shown and focus:
            self.panel.focus()

    def action_propose(self, hint: str = "") -> None:
        if self.try_to(lambda: self.desk.proposer.ask(hint)):
            self.show_panel()

    def action_hint(self) -> None:
        from mlagent_tui.dialogs.line import LineScreen

        def given(hint: str | None) -> None:
            if hint:
                self.action_propose(hint)

        self.app.push_screen(
            LineScreen("A hint for the next proposals", placeholder="e.g. try gradient boosting"), given
        )

    def on_proposal_panel_decided(self, event: ProposalPanel.Decided) -> None:
        proposer = self.desk.proposer
        match event.what:
            case "accept":
                self.attempt(proposer.accept(event.proposal_id), group="decide")
            case "insert":
                self.attempt(proposer.accept(event.proposal_id, run=False), group="decide")
            case "reject":
                self.attempt(self._reject(event.proposal_id), group="decide")
            case _:
                self._edit(event.proposal_id)

    async def _reject(self, proposal_id: str) -> None:
        await self.desk.proposer.reject(proposal_id)
        self.panel.action_move(1)

    def _edit(self, proposal_id: str) -> None:
        from mlagent_tui.notebook.editor import ProposalEditor

        row = self.desk.proposer.board.row(proposal_id)
        if row is None or row.proposal is None:
            return

        def left(code: str | None) -> None:
            if code is not None:
                self.attempt(self.desk.proposer.accept(proposal_id, edited=code), group="decide")

        self.app.push_screen(ProposalEditor(row.proposal.plan, row.proposal.code), left)

    # -- metric

    def action_metric(self) -> None:
        self.ask_metric("")

    def metric_wanted(self, event: MetricWanted) -> None:
        self.ask_metric(event.reason, go_on=event.go_on)

    def ask_metric(self, reason: str, *, go_on: bool = False) -> None:
        from mlagent_tui.dialogs.metric import MetricScreen

        def given(wish: MetricWish | None) -> None:
            if wish is not None:
                self.attempt(self._set_metric(wish, go_on=go_on))

        self.app.push_screen(MetricScreen(self.desk.status.metric, reason), given)

    async def _set_metric(self, wish: MetricWish, *, go_on: bool) -> None:
        await self.desk.proposer.set_metric(wish.expression, wish.direction)
        metric = self.desk.status.metric
        if metric is not None:
            self.desk.post(Said(f"Metric: {metric.expression} ({metric.direction.value}), {metric.origin}."))
        if go_on:
            self.action_propose()
