"""Tasks as an environment: reset gives a state, a step tries a proposal in it for real and gives the next.

`states` says what a state is and how it is addressed; `tree` holds live ones, each a process that trials are
forked from; `environment` is reset and step; `scheduler` and `vector` run many side by side, `cluster` does
so on Ray; `trials` lets the agent's own requests (prompt, samples, ranking) run in an environment.
"""
