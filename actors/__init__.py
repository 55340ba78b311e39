"""State that lives in processes: journals, the blackboard, registry, ledger, watchdog, hosts. Sans-I/O cores inside."""
