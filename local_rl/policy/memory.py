"""How much memory a training will take at its peak, known before anything is loaded.

Parts: the frozen weights, the adapter with its gradients and moments, what the forward pass keeps for the
backward pass, and the logits. Tested against measured peaks; it errs upwards.
"""

from __future__ import annotations

from jupyter_mlagent.records import Record
from local_rl.errors import TrainingError
from local_rl.policy.config import PolicyConfig, Precision
from local_rl.policy.header import Header

BYTES = {Precision.NF4: 0.53, Precision.BF16: 2.0, Precision.FP32: 4.0}
"""Of a frozen weight; NF4 with the doubly quantized scales of its blocks."""

LIBRARIES_CPU, LIBRARIES_GPU = 950_000_000, 500_000_000
"""What the process holds before a model is loaded, and what a GPU's context and caches take."""

LOGIT_ROWS = 256
"""Tokens whose logits exist at once: TRL's fused head works in tiles."""

TIED_UP_TO = 2560
"""Width up to which models share embedding and head."""

ALLOCATOR = 1.15
"""Fragments and short-lived copies, as measured."""


class Estimate(Record):
    """Bytes at the peak."""

    weights: int
    adapter: int
    activations: int
    logits: int
    libraries: int

    @property
    def total(self) -> int:
        return self.weights + self.adapter + self.activations + self.logits + self.libraries

    @property
    def line(self) -> str:
        parts = (
            ("weights", self.weights),
            ("adapter", self.adapter),
            ("activations", self.activations),
            ("logits", self.logits),
            ("libraries", self.libraries),
        )
        listed = ", ".join(f"{name} {count / 1e9:.1f}" for name, count in parts)
        return f"about {self.total / 1e9:.1f} GB of memory ({listed})"


def estimate(
    header: Header,
    config: PolicyConfig,
    precision: Precision,
    *,
    row_tokens: int,
    gpu: bool,
    frozen_copies: int = 0,
) -> Estimate:
    """`row_tokens`: computed at once; `frozen_copies`: of the adapter, as a reference policy."""
    element = 2.0 if gpu or precision is Precision.BF16 else 4.0
    head = 2 if header.width > TIED_UP_TO else 1
    embeddings = header.embedding_weights * head * max(2.0, element)
    adapter = header.adapter_weights(config.rank)
    state = 10 if gpu else 16  # value and gradient, and two moments of 8 bits each or in full
    return Estimate(
        weights=int(header.block_weights * BYTES[precision] + embeddings),
        adapter=int(adapter * (state + 4 + 4 * frozen_copies)),
        activations=int(ALLOCATOR * _activations(header, row_tokens, element, config, gpu)),
        logits=int(3 * min(row_tokens, LOGIT_ROWS) * header.vocabulary * 4),
        libraries=LIBRARIES_GPU if gpu else LIBRARIES_CPU,
    )


def refuse_unless_fits(needed: Estimate, limit: int, device: str) -> None:
    """Raises TrainingError with what would have to change."""
    if needed.total > limit:
        raise TrainingError(
            f"This training needs {needed.line}, and {device} has {limit / 1e9:.1f} GB for it: lower "
            "max_tokens or the replies computed at once, take precision nf4, or a smaller model."
        )


def _activations(header: Header, tokens: int, element: float, config: PolicyConfig, gpu: bool) -> float:
    """What is kept between the passes, in bytes."""
    queries, keys = header.heads * header.head_width, header.kv_heads * header.head_width
    block = 6 * header.width + 3 * queries + 2 * keys + 4 * header.feed_forward
    mask = tokens * tokens * (1 + element)
    if config.checkpointing and gpu:
        return element * tokens * (2 * header.width * header.layers + 2 * block) + mask
    return element * tokens * block * header.layers + mask
