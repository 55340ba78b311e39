"""Who is there: kinds with their cards, live hosts with leases, and where each agent lives."""
