"""What one run of the scoreboard writes down, a JSON line for each trajectory."""

from __future__ import annotations

from jupyter_mlagent.records import Direction, Record


class PolicyName(Record):
    """Who proposed: what makes two evaluations comparable, or the same one to go on with."""

    name: str
    model: str
    model_sha256: str = ""
    adapter: str = ""


class EvaluationConfig(Record):
    """Everything that a trajectory depends on beside task and run number."""

    policy: PolicyName
    steps: int
    candidates: int
    seed: int
    seconds: float | None
    """Of wall clock for one trajectory; None: as long as its steps take."""
    trial_seconds: float
    package_version: str


class TriedCell(Record):
    """One candidate of a step."""

    plan: str
    code: str
    status: str
    error: str = ""
    """`KeyError: 'x'`, or why it could not be tried."""
    metric_after: float | None = None
    reward: float = 0.5
    seconds: float = 0.0


class StepRow(Record):
    """One step of a trajectory."""

    step: int
    operator: str
    sampled: int
    malformed: tuple[str, ...]
    tried: tuple[TriedCell, ...]
    kept: str = ""
    """Plan of the candidate that was kept; empty when none improved the metric."""
    why_not: str = ""
    metric: float | None = None
    """On the notebook's own validation split, after the step."""
    score: float | None = None
    """The grader's, after the step; None when nothing valid would be submitted."""
    seconds: float = 0.0
    sampling_seconds: float = 0.0
    trial_seconds: float = 0.0
    prompt_tokens: int = 0
    sampled_tokens: int = 0


class Trajectory(Record):
    task: str
    notebook: str
    run: int
    seed: int
    direction: Direction
    metric: str
    baseline: float
    """The starter's score, which gains are relative to."""
    start_metric: float | None
    start_score: float | None
    steps: tuple[StepRow, ...]
    final_score: float | None
    seconds: float
    """From the live first state to the last step's end, grading left out."""
    stopped: str = ""
    """Why it has fewer steps than asked for; empty otherwise."""

    @property
    def gain(self) -> float:
        """direction * (score - baseline) / |baseline| of the final score; 0 where there is none."""
        return self.gain_of(self.final_score)

    def gain_of(self, score: float | None) -> float:
        if score is None:
            return 0.0
        return self.direction.sign * (score - self.baseline) / max(abs(self.baseline), 1e-12)

    @property
    def key(self) -> tuple[str, str, int]:
        return (self.task, self.notebook, self.run)
