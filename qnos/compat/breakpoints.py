"""States that breakpoints of SDK programs dumped, for those who look at them from outside of the simulation.

With a dump every local physical qubit's state is logged, and {node: {position: matrix}} is kept: of every
qubit of the network by itself, or (a global dump) of the qubits of both programs together.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from qnos.compat.application import Application
from qnos.compat.log import LogManager
from qruntime.inspection import Picture, Scope

Matrix = NDArray[np.complex128]
Dump = dict[Any, Any]

KEPT: Final[list[Dump]] = []  # of the present run, in the order in which programs came to know them


def note_idle_breakpoint() -> None:
    """Log one that does nothing."""
    LogManager.get_stack_logger("Breakpoint").info("breakpoint that does nothing")


def note_breakpoint(application: Application) -> None:
    """Take what the last breakpoint showed."""
    logger = LogManager.get_stack_logger("Breakpoint")
    dump: Dump = {}
    for picture in application.inspect(Scope.BREAKPOINT):
        matrix = matrix_of(picture)
        if len(picture.places) == 1:
            ((node, place),) = picture.places
            dump.setdefault(node, {})[place] = matrix
            if node == application.guest.node.name:
                logger.info("qubit %d of %s:\n%s", place, node, matrix)
        else:
            dump[picture.places] = matrix
            names = ", ".join(f"{place} of {node}" for node, place in picture.places)
            logger.info("qubits %s together:\n%s", names, matrix)
    KEPT.append(dump)


def matrix_of(picture: Picture) -> Matrix:
    """The density matrix of a picture, shape (2**n, 2**n)."""
    parts = np.array(picture.entries).reshape(-1, 2)
    size = 2 ** len(picture.places)
    matrix: Matrix = (parts[:, 0] + 1j * parts[:, 1]).reshape(size, size)
    return matrix
