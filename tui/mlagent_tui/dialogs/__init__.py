"""Questions that wait for an answer, over whatever is on the screen."""
