"""What a run's journal tells afterwards: figures, conversations, dead letters. Reads entries, changes nothing."""
