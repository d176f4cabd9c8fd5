"""The autopilot: steps kept one after another within a budget, and the plot that shows it."""
