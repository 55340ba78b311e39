"""The peers. What is here may run in their own environment, so it imports nothing of ours but `bench.load`."""
