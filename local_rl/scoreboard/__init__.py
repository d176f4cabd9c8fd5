"""How good is a policy? Trajectories on tasks it never saw, scored on hidden answers.

`trajectory` runs one, `evaluation` all of them (resumable), `statistics` says what they amount to, `table`
and `report` write it down, `command` is `mlagent eval`; `peers` hold what a person would use instead.
"""
