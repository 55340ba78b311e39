"""Ants that find a short round trip and are told nothing by anybody: they read and lay trails."""
