"""A failure on purpose: two agents that cannot stop thanking each other, beside two that work."""
