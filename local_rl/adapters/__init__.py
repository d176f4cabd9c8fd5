"""What was learned here, as adapters that can be compared, promoted, rolled back, given away and taken in.

`store` keeps them, `making` makes and moves them, `active` says which one is in use (the engine reads the
same file), `judge` decides whether one may replace another, `find` resolves names, `command` is `mlagent
adapters`.
"""
