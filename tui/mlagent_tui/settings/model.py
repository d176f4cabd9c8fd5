"""Every setting with its meaning, in one place; the settings screen is made from this."""

from __future__ import annotations

from typing import Annotated

import msgspec

from jupyter_mlagent.records import Record


def described(text: str) -> msgspec.Meta:
    return msgspec.Meta(description=text)


class Settings(Record):
    theme: Annotated[str, described("Colours; the command palette shows all themes.")] = "textual-dark"
    candidates: Annotated[
        int, msgspec.Meta(ge=1, le=32, description="Proposals sampled for one request.")
    ] = 4
    temperature: Annotated[
        float,
        msgspec.Meta(ge=0, le=2, description="How adventurous the model is: 0 repeats itself, 1 varies."),
    ] = 0.8
    trial_seconds: Annotated[
        float, msgspec.Meta(gt=0, description="Longest time that one trial may take.")
    ] = 60.0
    allow_unguarded: Annotated[
        bool, described("Try cells even where this system offers no sandbox for them.")
    ] = False
    autopilot_steps: Annotated[int, msgspec.Meta(ge=1, description="Most steps of one flight.")] = 5
    autopilot_minutes: Annotated[float, msgspec.Meta(gt=0, description="Most minutes of one flight.")] = 10.0
    editor: Annotated[str, described("Command for editing outside; empty: $VISUAL or $EDITOR.")] = ""
    graphics: Annotated[
        bool, described("Pictures by the terminal's graphics protocol where it has one (kitty, Ghostty).")
    ] = True
    save_on_hangup: Annotated[
        bool, described("Save unsaved work when the terminal goes away (never over another program's).")
    ] = True
    leave_kernel_on_hangup: Annotated[
        bool,
        described(
            "Leave the kernel running when the terminal goes away; `jupyter console --existing` finds it."
        ),
    ] = False
