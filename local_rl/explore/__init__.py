"""Phase 1: an expert explores the training tasks, and what execution confirmed becomes examples."""
