"""From a live state to the score of what it would submit, on answers that no cell ever sees."""

from __future__ import annotations

import asyncio
import base64
import binascii
from pathlib import Path
from tempfile import TemporaryDirectory

from jupyter_mlagent.records import Trial, TrialStatus
from local_rl.tasks.errors import InvalidSubmission
from local_rl.tasks.folder import SUBMISSION_FILE, TaskFolder
from local_rl.tasks.grading import grade

_MARK = "mlagent-submission:"
_READ = f"""
import base64 as _base64, pathlib as _pathlib, zlib as _zlib
_file = _pathlib.Path("{SUBMISSION_FILE}")
print("{_MARK}" + _base64.b64encode(_zlib.compress(_file.read_bytes())).decode() + ";")
"""
MOST_BYTES = 256 << 20


def submit_source(cell: str) -> str:
    """The submission cell, and then lines that hand its file out as text."""
    return f"{cell}\n{_READ}"


async def grade_submitted(folder: TaskFolder, trial: Trial) -> float:
    """Grade the file that a trial of `submit_source` handed out. Raises InvalidSubmission."""
    if trial.status is not TrialStatus.OK:
        why = f"{trial.error.name}: {trial.error.value}" if trial.error else trial.reason
        raise InvalidSubmission(f"The notebook's submission cell does not run any more ({why}).")
    text = "".join(output.get("text", "") for output in trial.outputs)
    packed = text.rpartition(_MARK)[2].partition(";")[0]
    with TemporaryDirectory(prefix="mlagent-submission-") as place:
        file = Path(place, SUBMISSION_FILE)
        file.write_bytes(_unpacked(packed))
        return await asyncio.to_thread(grade, folder, file)


def _unpacked(packed: str) -> bytes:
    import zlib

    try:
        return zlib.decompressobj().decompress(base64.b64decode(packed, validate=True), MOST_BYTES)
    except (binascii.Error, zlib.error, ValueError) as error:
        raise InvalidSubmission(f"The notebook did not hand out a {SUBMISSION_FILE}.") from error
