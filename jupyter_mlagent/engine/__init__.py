"""Engines: what samples from a policy, and the models they load.

Imports nothing: `engine.build` runs from a bare checkout, where not even msgspec is installed.
"""
