"""Learning from a person: what was accepted, edited and rejected, shown row by row before it is learned."""
