"""The agents of the desk: one file each. They find each other by skill, so any of them can be replaced."""
