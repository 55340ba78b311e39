"""The loop watchdog: one part per file, composed in `watchdog.py`."""
