"""A model's shape, from the header of its GGUF file."""

from __future__ import annotations

import functools
from pathlib import Path

from jupyter_mlagent.records import Record
from local_rl.errors import TrainingError
from local_rl.policy.vocabulary import open_vocabulary


class Header(Record):
    architecture: str
    layers: int
    width: int
    """Of the residual stream."""
    feed_forward: int
    heads: int
    kv_heads: int
    head_width: int
    vocabulary: int

    @property
    def projections(self) -> dict[str, tuple[int, int]]:
        """(inputs, outputs) of each linear layer of a block, by its name in transformers."""
        queries, keys = self.heads * self.head_width, self.kv_heads * self.head_width
        return {
            "q_proj": (self.width, queries),
            "k_proj": (self.width, keys),
            "v_proj": (self.width, keys),
            "o_proj": (queries, self.width),
            "gate_proj": (self.width, self.feed_forward),
            "up_proj": (self.width, self.feed_forward),
            "down_proj": (self.feed_forward, self.width),
        }

    @property
    def block_weights(self) -> int:
        """Weights of all blocks' linear layers."""
        return self.layers * sum(inputs * outputs for inputs, outputs in self.projections.values())

    @property
    def embedding_weights(self) -> int:
        return self.vocabulary * self.width

    def adapter_weights(self, rank: int) -> int:
        return self.layers * rank * sum(inputs + outputs for inputs, outputs in self.projections.values())


@functools.cache
def read_header(gguf: Path) -> Header:
    """Raises EngineError for a file that is no model, TrainingError for one whose header says too little."""
    model = open_vocabulary(gguf)
    try:
        architecture = model.architecture

        def number(key: str, default: int | None = None) -> int:
            value = model.metadata(f"{architecture}.{key}")
            if value is not None and value.isdecimal():
                return int(value)
            if default is None:
                raise TrainingError(
                    f"The header of {gguf.name} does not say its {key}: it cannot be trained."
                )
            return default

        heads = number("attention.head_count")
        width = number("embedding_length")
        return Header(
            architecture=architecture,
            layers=number("block_count"),
            width=width,
            feed_forward=number("feed_forward_length"),
            heads=heads,
            kv_heads=number("attention.head_count_kv", heads),
            head_width=number("attention.key_length", width // heads),
            vocabulary=model.vocab_size,
        )
    finally:
        model.close()
