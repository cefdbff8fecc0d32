"""`make bench`: every table, one after another.

The exit status says whether all limits are kept.
"""

from __future__ import annotations

import importlib
import sys

from benchmarks.table import keeps, show

MODULES = {
    "teleport": "Teleportation",
    "kernel": "Kernel",
    "engine": "State engine",
    "isa_decode": "Instruction set",
    "sdk": "SDK",
    "qnpu": "QNPU",
    "scheduler": "Scheduler",
    "startup": "Start",
    "memory": "Memory",
    "compat": "Compat",
}


def main() -> int:
    """Run and print all."""
    missed = 0
    for module, title in MODULES.items():
        rows = importlib.import_module(f"benchmarks.{module}").run()
        show(title, rows)
        missed += sum(not keeps(row) for row in rows)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
