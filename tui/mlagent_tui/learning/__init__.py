"""Watching the agent learn, and its adapters."""
