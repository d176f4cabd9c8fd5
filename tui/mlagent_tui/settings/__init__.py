"""What a person can set for the terminal app, and which keys do what."""
