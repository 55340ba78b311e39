"""How processes reach each other: numbered batches, links, handles, and the only code that knows Ray."""
