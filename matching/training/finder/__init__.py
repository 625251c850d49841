"""Training of the fixture finder: its films, how they are varied, its targets, the loop."""
