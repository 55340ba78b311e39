"""Swarms without a journal, and simulations by rounds: agents, contexts and swarms look the same."""
