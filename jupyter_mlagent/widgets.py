"""The ranked proposals as an ipywidgets view, for front ends without the JupyterLab extension.

Follows the same session as `%mlagent accept`: a verdict given in either shows in both.
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING, Any

from jupyter_mlagent import events
from jupyter_mlagent.errors import MlagentError
from jupyter_mlagent.records import Candidate, Metric, TrialStatus
from jupyter_mlagent.reward.reward import RewardConfig, is_readable, relative_gain

if TYPE_CHECKING:
    from jupyter_mlagent.companion import Companion

COLOURS = {
    TrialStatus.OK: "var(--jp-success-color1, #2e7d32)",
    TrialStatus.ERROR: "var(--jp-error-color1, #c62828)",
}
"""Every other status is no evidence either way, and must not look like a failure."""
MUTED = "var(--jp-ui-font-color2, #757575)"


class ProposalView:
    """One request: a line of progress that becomes the ranked table with buttons.

    `run_accepted` accepts a proposal and runs it in the kernel; it raises MlagentError.
    """

    def __init__(self, companion: Companion, run_accepted: Callable[[str], str]) -> None:
        import ipywidgets

        self._companion = companion
        self._run_accepted = run_accepted
        self._widgets: Any = ipywidgets
        self._progress = ipywidgets.HTML()
        self._rows = ipywidgets.VBox()
        self._output = ipywidgets.Output()
        self._tokens = self._tried = 0
        self._candidates: tuple[Candidate, ...] = ()
        self.box = ipywidgets.VBox([self._progress, self._rows, self._output])
        companion.follow(self._refresh)

    def show(self) -> None:
        from IPython.display import display

        display(self.box)

    def event(self, event: events.SuggestEvent) -> None:
        """Follow a request."""
        match event:
            case events.Started():
                self._say(f"{event.model} is reading the notebook…")
            case events.PlanDelta() | events.CodeDelta():
                self._tokens += 1
                if self._tokens % 16 == 0:
                    self._say(f"writing… {self._tokens} tokens, {self._tried} tried")
            case events.TrialFinished():
                self._tried += 1
                self._say(f"writing… {self._tokens} tokens, {self._tried} tried")
            case events.Failed():
                self._say(event.message)
            case events.Ranked():
                self._ranked(event)
            case _:
                pass

    def _say(self, text: str) -> None:
        self._progress.value = f"<span style='color:{MUTED}'>{escape(text)}</span>"

    def _ranked(self, event: events.Ranked) -> None:
        metric = self._companion.session.metric
        if not event.candidates:
            self._say("No usable candidate this time; ask again, or with more --candidates.")
            return
        self._say(f"{metric.expression if metric else 'no metric'} · {event.timings.total_seconds:.1f} s")
        self._candidates = event.candidates
        self._refresh()

    def _refresh(self) -> None:
        """Show what became of the candidates: each waits, or got a verdict here or by `%mlagent`."""
        mine = {candidate.proposal.id for candidate in self._candidates}
        session, accepted = self._companion.session, self._companion.accepted
        if accepted is not None and accepted.proposal_id in mine:
            self._say("Accepted; it ran in this kernel. Put it into a cell to keep it:")
            self._rows.children = (self._widgets.HTML(f"<pre>{escape(accepted.source)}</pre>"),)
            return
        waiting = [item for item in session.outstanding if item.proposal.id in mine]
        self._rows.children = tuple(self._row(item, session.metric) for item in waiting)
        if mine and not waiting:
            self._say("No candidate of this request is waiting any more.")

    def _row(self, candidate: Candidate, metric: Metric | None) -> Any:
        widgets = self._widgets
        plan = escape(candidate.proposal.plan)
        title = widgets.HTML(f"<b>{candidate.rank}</b> {plan} &nbsp; {measured(candidate, metric)}")
        name = f"candidate {candidate.rank}"
        accept = widgets.Button(description="Accept and run", tooltip=f"Accept and run {name}")
        reject = widgets.Button(description="Reject", tooltip=f"Reject {name}")
        accept.on_click(lambda _: self._accept(candidate.proposal.id))
        reject.on_click(lambda _: self._reject(candidate.proposal.id))
        source = widgets.HTML(f"<pre>{escape(candidate.proposal.code)}</pre>")
        code = widgets.Accordion(children=[source], titles=(f"code of {name}",), selected_index=None)
        return widgets.VBox([title, widgets.HBox([accept, reject]), code])

    def _accept(self, proposal_id: str) -> None:
        with self._output:
            try:
                self._run_accepted(proposal_id)
            except MlagentError as error:
                self._say(str(error))

    def _reject(self, proposal_id: str) -> None:
        try:
            self._companion.reject(proposal_id)
        except MlagentError as error:
            self._say(str(error))


def measured(candidate: Candidate, metric: Metric | None) -> str:
    """HTML: metric before → after with its relative change, or the status in words."""
    trial = candidate.trial
    colour = COLOURS.get(trial.status, MUTED)
    if trial.status is not TrialStatus.OK:
        reason = trial.error.name if trial.error is not None else trial.reason
        words = trial.status.value.replace("_", " ")
        return f"<span style='color:{colour}'>{words}</span> <small>{escape(reason)}</small>"
    before, after = trial.metric_before, trial.metric_after
    if metric is None or before is None or after is None or not (is_readable(before) and is_readable(after)):
        return f"<span style='color:{colour}'>ran</span>"
    gain = relative_gain(before, after, metric.direction, RewardConfig())
    colour = COLOURS[TrialStatus.OK] if gain > 0 else COLOURS[TrialStatus.ERROR] if gain < 0 else MUTED
    change = gain * metric.direction.sign
    return f"{before:.4g} → {after:.4g} <span style='color:{colour}'>{change:+.1%}</span>"
