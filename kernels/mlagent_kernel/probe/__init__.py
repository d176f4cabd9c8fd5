"""What a kernel holds, told without touching it.

Only known types are looked into; of anything else the type is told. No property, no `__repr__` and no lazy
computation of a person's objects is run, no random number drawn, no device waited for, and large data is
sampled.
"""
