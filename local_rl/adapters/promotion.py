"""Promotion, which has to be earned, and the way back, which is always open."""

from __future__ import annotations

from jupyter_mlagent.engine.active import read_choices
from local_rl.adapters.active import active_name, roll_back, use
from local_rl.adapters.judge import compare_stored
from local_rl.adapters.store import Adapter, check_intact, find_adapter
from local_rl.errors import AdapterError


def promote(name: str, *, force: bool = False) -> Adapter:
    """Make it the adapter in use for its base; raises AdapterError unless it was shown to be better."""
    adapter = find_adapter(name)
    base = adapter.record.base_sha256
    if active_name(base) == adapter.name:
        raise AdapterError(f"{adapter.name} is in use already.")
    check_intact(adapter)
    if not force:
        found = compare_stored(adapter)
        if not found.promotable:
            raise AdapterError(f"{adapter.name} is not promoted: {found.reason}")
    use(adapter, base)
    return adapter


def roll_back_latest(base_sha256: str | None = None) -> tuple[str, str | None]:
    """Undo the last promotion, of the one base that has any unless one is named: (base's hash, name now)."""
    bases = (
        [base_sha256] if base_sha256 else [base for base, chosen in read_choices().items() if chosen.before]
    )
    if not bases:
        raise AdapterError("There is nothing to go back to: no adapter was promoted.")
    if len(bases) > 1:
        raise AdapterError("Adapters of several models were promoted; say which with --model.")
    return bases[0], roll_back(bases[0])
