"""A journal in a temporary folder, and suggestions to keep in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jupyter_mlagent.engine.api import EngineInfo, GenerateRequest, SamplingOptions
from jupyter_mlagent.journal import Journal, SuggestionRecord
from jupyter_mlagent.records import (
    Anchor,
    Candidate,
    Cell,
    ChatMessage,
    Direction,
    Guard,
    Metric,
    Operator,
    Proposal,
    Sample,
    State,
    Task,
    Trial,
    TrialStatus,
    TryEngine,
    Variable,
    source_hash,
)
from jupyter_mlagent.reward.reward import RewardConfig

METRIC = Metric(expression="accuracy_score(y, model.predict(X))", direction=Direction.MAXIMIZE)


def make_suggestion(
    request_id: str = "r1",
    *,
    notebook: str = "/home/me/book.ipynb",
    codes: tuple[str, ...] = ("model = Forest()", "model = Boost()"),
    parent_step: int | None = None,
    source: str = "model = Tree()",
    session_id: str = "s1",
) -> SuggestionRecord:
    """A request with one candidate for each code, and one malformed reply."""
    proposals = [
        Proposal(
            id=f"{request_id}-{number}",
            operator=Operator.IMPROVE,
            plan=f"plan {number}",
            code=code,
            source_hash=source_hash(code),
            anchor=Anchor(cell_id="c1", source_hash=source_hash(source)),
        )
        for number, code in enumerate(codes, start=1)
    ]
    samples = [
        Sample(
            text=f"{proposal.plan}\n{proposal.code}",
            token_ids=(1, 2, 151_643),
            logprobs=(-0.5, -1.25, 0.0),
            proposal_id=proposal.id,
        )
        for proposal in proposals
    ]
    candidates = [
        Candidate(
            rank=rank,
            proposal=proposal,
            trial=Trial(
                status=TrialStatus.OK,
                metric_before=0.5,
                metric_after=0.5 + 0.1 * rank,
                seconds=1.5,
                engine=TryEngine.FORK,
                guard=Guard.NAMESPACES,
                outputs=({"output_type": "stream", "name": "stdout", "text": "done\n"},),
            ),
            reward=0.5 + 0.1 * rank,
        )
        for rank, proposal in enumerate(proposals, start=1)
    ]
    return SuggestionRecord(
        request_id=request_id,
        session_id=session_id,
        parent_step=parent_step,
        state=State(
            notebook=notebook,
            cells=(Cell(id="c1", kind="code", source=source, execution_count=1),),
            variables=(Variable(name="X", type="DataFrame", summary="10 x 2"),),
            metric_value=0.5,
        ),
        task=Task(metric=METRIC, description="predict y"),
        operator=Operator.IMPROVE,
        request=GenerateRequest(
            messages=(ChatMessage(role="user", content="Improve it."),),
            prefill="Plan:",
            n=len(codes) + 1,
            options=SamplingOptions(temperature=0.7, seed=3),
        ),
        model=EngineInfo(model="tiny", context_tokens=2048, model_sha256="ab" * 32, adapter="mine"),
        samples=(*samples, Sample(text="I cannot", malformed="no code", token_ids=(9,), logprobs=(-3.0,))),
        candidates=tuple(candidates),
        reward_config=RewardConfig(alpha=7.0),
    )


@pytest.fixture
def suggestion() -> Callable[..., SuggestionRecord]:
    return make_suggestion


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(tmp_path / "journal.sqlite") as opened:
        yield opened
