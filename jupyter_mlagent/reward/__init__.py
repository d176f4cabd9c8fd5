"""Reading what a notebook measures, and what a step is worth."""
