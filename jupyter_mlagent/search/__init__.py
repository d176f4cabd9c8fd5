"""Tree search over live kernel states: what to try next, and what was found (ML-Master, arXiv 2506.16499)."""
