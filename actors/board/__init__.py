"""The blackboard: one machine per file, composed in `board.py`, run by `service.py`."""
