"""What a person can set for a session, in one documented place."""

from __future__ import annotations

from jupyter_mlagent.records import Record
from jupyter_mlagent.reward.reward import RewardConfig
from jupyter_mlagent.trial.api import TrialLimits


class SessionSettings(Record):
    candidates: int = 4
    """Replies sampled for one request, in one batch."""
    temperature: float = 0.8
    top_p: float = 0.95
    max_tokens: int = 640
    """Longest reply; a cell that needs more is dropped as malformed."""
    min_tokens: int = 256
    """A small context shortens replies down to this before the prompt is cut."""
    limits: TrialLimits = TrialLimits()
    allow_unguarded: bool = False
    """Try cells although this system offers no sandbox; the person is asked first."""
    reward: RewardConfig = RewardConfig()
