"""What the journal says of a person's taste, one row a verdict. What was undone later is never among them."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from pathlib import Path

import msgspec

from jupyter_mlagent.agent.parser import PREFILL
from jupyter_mlagent.journal import Journal, Step
from jupyter_mlagent.records import ChatMessage, Operator, Record, Verdict
from jupyter_mlagent.reward.reward import Reward, step_reward
from local_rl.examples import Example, Source
from local_rl.explore.diversity import family_of

FENCE = "\n```"
WORDS = {
    Verdict.ACCEPTED: "accepted",
    Verdict.EDITED: "accepted after an edit",
    Verdict.REJECTED: "rejected",
}
SOURCES = {
    Verdict.ACCEPTED: Source.ACCEPTED,
    Verdict.EDITED: Source.EDITED,
    Verdict.REJECTED: Source.REJECTED,
}


class VerdictRow(Record):
    """One verdict and what would be learned from it."""

    id: int
    """Of the journal's step: what `--without` takes away."""
    notebook: str
    decided_at: str
    verdict: Verdict
    messages: tuple[ChatMessage, ...]
    """The prompt that the proposal answered."""
    operator: Operator
    plan: str
    code: str
    edited: str = ""
    """What the person made of it: the better answer."""
    reason: str = ""
    state_hash: str = ""
    metric_before: float | None = None
    metric_after: float | None = None
    reward: float = 0.5
    """Of the trial alone."""
    joined: float = 0.5
    """With the verdict: what the reward module makes of both."""

    @property
    def reply(self) -> str:
        """What follows the prefill, of the proposal."""
        return reply_text(self.plan, self.code)

    @property
    def better(self) -> str:
        """What should have been answered; empty for a rejected proposal, whose better answer nobody knows."""
        if self.verdict is Verdict.REJECTED:
            return ""
        return reply_text(self.plan, self.edited or self.code)

    @property
    def line(self) -> str:
        """For a list: `12  rejected  reward 0.71  tune.ipynb: Search the parameters ...`."""
        name = self.notebook.rpartition("/")[2]
        return f"{self.id:>6}  {WORDS[self.verdict]:<22}  reward {self.reward:.2f}  {name}: {self.plan}"


def reply_text(plan: str, code: str) -> str:
    return f" {plan.strip().rstrip('.')}.\n{code}{FENCE}"


def verdict_rows(
    journal: Journal, *, notebook: str | None = None, without: Collection[int] = ()
) -> list[VerdictRow]:
    """Oldest first; an edit that changed nothing counts as accepted."""
    return [row_of(step) for step in journal.training_steps(notebook) if step.id not in without]


def row_of(step: Step) -> VerdictRow:
    said = step.verdict
    assert said is not None
    edited = (said.edited_source or "").strip("\n")
    changed = said.verdict is Verdict.EDITED and edited not in ("", step.proposal.code)
    verdict = Verdict.ACCEPTED if said.verdict is Verdict.EDITED and not changed else said.verdict
    alone = Reward(value=step.reward, scored=step.scored, reason="")
    return VerdictRow(
        id=step.id,
        notebook=step.state.notebook,
        decided_at=said.decided_at,
        verdict=verdict,
        messages=step.request.messages,
        operator=step.proposal.operator,
        plan=step.proposal.plan,
        code=step.proposal.code,
        edited=edited if changed else "",
        reason=said.reason,
        state_hash=step.state_hash,
        metric_before=step.trial.metric_before,
        metric_after=step.trial.metric_after,
        reward=step.reward,
        joined=step_reward(alone, verdict, step.reward_config).value,
    )


def examples(rows: Iterable[VerdictRow]) -> list[Example]:
    """Every row as an example: of an edited one what the person made of it, of a rejected one itself."""
    return [
        Example(
            messages=row.messages,
            prefill=PREFILL,
            reply=row.better or row.reply,
            task=row.notebook,
            state_hash=row.state_hash,
            notebook=row.notebook,
            operator=row.operator,
            metric_before=row.metric_before,
            metric_after=row.metric_after,
            reward=row.joined,
            source=SOURCES[row.verdict],
            family=family_of(row.edited or row.code),
            step_id=str(row.id),
        )
        for row in rows
    ]


def imitated(path: Path | None = None) -> list[Example]:
    """What the person accepted and edited, from their journal; none where there is no journal yet."""
    from jupyter_mlagent.paths import journal_path

    place = path or journal_path()
    if not place.exists():
        return []
    with Journal.open(place) as journal:
        found = examples(verdict_rows(journal))
    return [example for example in found if example.source is not Source.REJECTED]


def fingerprint(rows: Iterable[VerdictRow]) -> str:
    """SHA-256 over all that is learned from."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(msgspec.json.encode(row))
    return digest.hexdigest()
