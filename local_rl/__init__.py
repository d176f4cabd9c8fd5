"""Learning on one machine: tasks, and what trains and judges the agent on them."""
