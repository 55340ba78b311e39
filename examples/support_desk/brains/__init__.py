"""The thinking of the support desk, offline: plain functions and classes without agents, clock or network."""
