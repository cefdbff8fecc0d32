"""Random numbers of programs that draw from Python's and NumPy's global generators.

Each program has states of its own of both, which are put in place while it runs, so that what it draws does
not depend on who else runs, or in which order. That costs some microseconds each time, so it is done only for
programs whose modules speak of random numbers at all.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from types import ModuleType
from typing import Any

from qruntime.rng import key, shot_key


class Chance:
    """The random states of one program.

    `seed`, `name` and `run` say which: the same three give the same numbers.
    """

    __slots__ = ("_outside", "_own", "_seed")

    def __init__(self, seed: int, name: str, run: int) -> None:
        self._seed = shot_key(seed, f"compat/{name}", run)
        self._own: list[Any] | None = None
        self._outside: list[Any] = []

    def enter(self) -> None:
        """The program goes on."""
        self._outside = _states()
        if self._own is None:
            seed_all(self._seed)
        else:
            _put(self._own)

    def leave(self) -> None:
        """The program waits, or is over."""
        self._own = _states()
        _put(self._outside)


Chances = Callable[[int], Chance]  # the random states of a program by the number of the run


def chances_of(program: object, seed: int, name: str) -> Chances | None:
    """Random states for a program, None if its modules never speak of random numbers."""
    for module in _modules_of(program):
        if any("random" in word or word == "QKDRoutine" for word in vars(module)):
            return partial(Chance, seed, name)
        if _speaks_of_random(module):
            return partial(Chance, seed, name)
    return None


def seed_all(seed: int) -> None:
    """Begin the global generators anew, those that somebody has imported."""
    python, numpy = sys.modules.get("random"), sys.modules.get("numpy.random")
    if python is not None:
        python.seed(seed)
    if numpy is not None:
        numpy.seed(seed & 0xFFFF_FFFF)


def fresh_seed(seed: int, name: str) -> int:
    """A seed of its own for a purpose."""
    return key(seed, f"compat/{name}")


def _states() -> list[Any]:
    python, numpy = sys.modules.get("random"), sys.modules.get("numpy.random")
    return [
        None if python is None else python.getstate(),
        None if numpy is None else numpy.get_state(legacy=False),
    ]


def _put(states: list[Any]) -> None:
    of_python, of_numpy = states
    if of_python is not None:
        sys.modules["random"].setstate(of_python)
    if of_numpy is not None:
        sys.modules["numpy.random"].set_state(of_numpy)


def _modules_of(program: object) -> Iterator[ModuleType]:
    """The modules in which the classes of a program are written."""
    seen: dict[str, None] = {}
    for cls in type(program).__mro__:
        if cls.__module__ not in seen and cls.__module__ != "builtins":
            seen[cls.__module__] = None
            module = sys.modules.get(cls.__module__)
            if module is not None and not cls.__module__.startswith(("qnos.", "abc")):
                yield module


def _speaks_of_random(module: ModuleType) -> bool:
    """Whether the module's text has the word, as `np.random.rand()` has; what has no text may have it."""
    file = getattr(module, "__file__", None)
    if file is None:
        return True
    try:
        with open(file, encoding="utf-8", errors="replace") as text:
            return "random" in text.read()
    except OSError:
        return True
