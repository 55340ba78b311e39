"""What helps to test a swarm: servers and worlds that stand in for the ones outside."""
