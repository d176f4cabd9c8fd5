"""A training run around any kind of training: its folder, its events, pause and resume, one at a time.

`run` is what a recipe (fine-tuning, step-wise RL, verdicts) works with, `folder` what is on disk, `recipe`
what a kind of training has to offer, `options` turns its config dataclass into TOML and flags, `command` is
`mlagent train`, `service` the `Trainer` that front ends talk to, over a process of its own.
"""
