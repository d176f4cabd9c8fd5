"""What a person would use instead, on the same tasks for the same seconds, scored by the same graders.

`run` prepares a task, starts a peer's script with the peer's own interpreter (their dependencies clash with
ours) and grades what it submits; `flaml_fit` and `aide_search` are those scripts and import nothing of ours.
"""
