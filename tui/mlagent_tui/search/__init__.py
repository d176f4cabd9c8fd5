"""The search over live states on the screen: its tree, its nodes, and what a person does to them."""
