"""A support desk staffed by a swarm: route, search, draft, review, or hand over to a person."""
