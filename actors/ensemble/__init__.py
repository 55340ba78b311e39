"""The ensemble: volatile hosts that go by rounds together, and the driver's own, which conducts."""
