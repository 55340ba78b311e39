"""The mesh: volatile hosts that share a swarm's agents, and the links between them."""
