"""A process that runs agents: their mail, their turns, and what a turn may ask of the world."""
