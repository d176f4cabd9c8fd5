"""AIDE on one task, in an environment of its own: `python aide_search.py JOB.json`.

Needs `pip install aideml` there, and an OpenAI-compatible server (`url`) for the same model as the policy it
is compared with. AIDE is told the direction in words, since it does not find it out, and searches until the
seconds are spent; what counts is the submission of the node that it ranks best.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from pathlib import Path

EXEC_SECONDS = 120


def main(job_file: str) -> None:
    job = json.loads(Path(job_file).read_text())
    os.environ["OPENAI_BASE_URL"] = job["url"]
    os.environ.setdefault("OPENAI_API_KEY", "none")
    sys.argv = sys.argv[:1]
    import aide

    better = "higher is better" if job["direction"] == "maximize" else "lower is better"
    goal = (
        f"{job['title']}. {job['description']}\nWrite predictions for test.csv to ./working/submission.csv."
    )
    experiment = aide.Experiment(
        data_dir=job["public"],
        goal=goal,
        eval=f"{job['metric']} on a validation split of train.csv; {better}.",
    )
    for part in (experiment.cfg.agent.code, experiment.cfg.agent.feedback, experiment.cfg.report):
        part.model = job["model"]
    experiment.cfg.exec.timeout = EXEC_SECONDS
    experiment.cfg.agent.k_fold_validation = 1
    experiment.cfg.generate_report = False
    working = Path(experiment.cfg.workspace_dir) / "working" / "submission.csv"
    kept = Path(job["submission"])
    began = time.monotonic()
    steps = valid = 0
    while time.monotonic() - began < job["seconds"]:
        working.unlink(missing_ok=True)
        experiment.agent.step(exec_callback=experiment.interpreter.run)
        steps += 1
        newest = experiment.journal.nodes[-1]
        valid += not newest.is_buggy
        if experiment.journal.get_best_node() is newest and working.exists():
            shutil.copyfile(working, kept)
    experiment.interpreter.cleanup_session()
    kept.with_suffix(".json").write_text(json.dumps({"steps": steps, "valid": valid}))


if __name__ == "__main__":
    main(sys.argv[1])
