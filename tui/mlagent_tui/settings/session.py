"""The terminal app's settings as the session's."""

from __future__ import annotations

from jupyter_mlagent.settings import SessionSettings
from jupyter_mlagent.trial.api import TrialLimits
from mlagent_tui.settings.model import Settings


def session_settings(settings: Settings) -> SessionSettings:
    return SessionSettings(
        candidates=settings.candidates,
        temperature=settings.temperature,
        limits=TrialLimits(seconds=settings.trial_seconds),
        allow_unguarded=settings.allow_unguarded,
    )
