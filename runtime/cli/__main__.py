"""``python -m stigmergy.runtime.cli``."""

from .main import main

raise SystemExit(main())
