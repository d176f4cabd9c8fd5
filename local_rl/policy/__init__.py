"""The model while it learns: the served weights as a trainer loads them, with an adapter that changes.

`weights` turns the served GGUF into a folder for transformers, `loading` opens it with Unsloth, `tokens`
makes the ids that the engine would make, `memory` says beforehand whether it fits, `export` writes the
adapter for the engine. `stack` is the one door to Unsloth and what it brings.
"""
