"""The notebook on the screen: reading it, moving through it, editing its cells."""
