"""Volatile hosts: the same agents without a journal. Messages pass by reference, and a crash loses them."""
