"""Small application directories, written by tests."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from typing import Any

from qnos.compat.external.rounds import simulate_directory

HEAD = """\
from netqasm.sdk import EPRSocket, Qubit
from netqasm.sdk.external import NetQASMConnection, Socket, get_qubit_state

"""


def write(directory: Path, **files: str) -> Path:
    """Files by name, programs by role: `alice="..."` is app_alice.py with the usual imports, others have
    double underscores for dots: `roles__yaml="..."`."""
    directory.mkdir(exist_ok=True)
    for name, text in files.items():
        if "__" in name:
            (directory / name.replace("__", ".")).write_text(dedent(text))
        else:
            (directory / f"app_{name}.py").write_text(HEAD + dedent(text))
    return directory


def simulated(directory: Path, **options: Any) -> list[dict[str, Any]]:
    """Its results, without logs unless they are asked for."""
    return simulate_directory(directory, **{"log_to_files": False, "seed": 1, **options})
