"""Machine-learning tasks with hidden answers: a folder each, prepared and graded apart from the workspace.

`folder` reads one, `suite` finds them, `preparing` makes their data, `grading` scores a submission in a
process of its own, `check` says what is wrong with a folder, `hide` keeps the answers from kernels.
"""
