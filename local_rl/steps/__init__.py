"""Phase 2, step-wise reinforcement learning: one state, G actions, one update; no episode has to end.

In reading order: `pool` draws states, `rollout` samples and executes actions in one of them, `rewards` and
`advantage` say what each was worth, `packing` computes a group's log-probabilities with the prompt read once,
`loss` is the objective, `trainer` is TRL's GRPOTrainer with these parts in it, `run` is one resumable run.
docs/method.md compares every formula with the published method.
"""
