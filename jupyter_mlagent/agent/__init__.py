"""What the agent thinks with: prompt, parser, memory, checks. Pure functions on records."""
