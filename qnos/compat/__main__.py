"""``python -m qnos.compat script.py [args]``: as ``qnos compat run``."""

from __future__ import annotations

from qnos.cli import main

if __name__ == "__main__":
    import sys

    main(["compat", "run", *sys.argv[1:]], prog_name="qnos")
