"""``python -m qnos`` is the command ``qnos``."""

from qnos.cli import main

main(prog_name="qnos")
