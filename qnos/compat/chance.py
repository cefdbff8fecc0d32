"""Random numbers of programs that draw from Python's and NumPy's global generators.

Each program has states of its own of both, which are in place whenever it runs, so that what it draws does
not depend on who else runs, or in which order. Changing states costs some ten microseconds, so it is done
only between different programs, and only if the script says `random` at all.
"""

from __future__ import annotations

import re
import sys
import sysconfig
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from qruntime.rng import key, shot_key

_PYTHON: Final = re.compile(r"(?<!np\.)(?<!numpy\.)\brandom\b|qkd_routine")
_NUMPY: Final = re.compile(r"\b(np|numpy)\.random\b|from numpy import .*\brandom\b")
_INSTALLED: Final = tuple(
    {sysconfig.get_path(name): None for name in ("stdlib", "platstdlib", "purelib", "platlib")}
)
_OURS: Final = str(Path(__file__).resolve().parents[2])
_PACKAGES: Final = ("qnos", "cnpu", "qnpu", "qworld", "qdriver", "qruntime", "netqasm_isa", "apps")
_GENERATORS: Final = ("random", "numpy.random")

_States = dict[str, Any]  # of Python's and of NumPy's generator, as far as they are kept apart


class Chances:
    """The random states of the programs of one run.

    `with chances:` around the run; `enter(name)` before the program of that name goes on. `seed` and `run`
    say which numbers they draw.
    """

    def __init__(self, seed: int, run: int) -> None:
        self._seed = seed
        self._run = run
        self._which: list[str] = []  # of "random" and "numpy.random"
        self._kept: dict[str, _States] = {}
        self._inside = ""  # whose states are in place; empty: those of the script around the run

    def begin(self, run: int) -> None:
        """A program of that run begins; with the first of them all have drawn nothing yet."""
        if run != self._run:
            self._run = run
            outside = self._kept.get("")
            if self._inside and outside is not None:
                _put(outside)
            self._inside = ""
            self._kept.clear()

    def __enter__(self) -> Chances:
        self._which = generators_of_the_script()
        return self

    def __exit__(self, *_: object) -> None:
        if self._inside:
            _put(self._kept[""])
            self._inside = ""

    def enter(self, name: str) -> None:
        """Put the states of a program in place."""
        if not self._which or name == self._inside:
            return
        self._kept[self._inside] = _states(self._which)
        self._inside = name
        if name in self._kept:
            _put(self._kept[name])
        else:
            seed_all(shot_key(self._seed, f"compat/{name}", self._run), self._which)


def generators_of_the_script() -> list[str]:
    """Which global generators the modules that are not installed speak of."""
    text_of_all = [_text_of(module) for module in list(sys.modules.values()) if _is_the_users(module)]
    found = {"random": _PYTHON, "numpy.random": _NUMPY}
    return [
        name
        for name, pattern in found.items()
        if name in sys.modules and any(pattern.search(text) for text in text_of_all)
    ]


def seed_all(seed: int, which: list[str] | None = None) -> None:
    """Begin global generators anew, those that somebody has imported."""
    for name in _GENERATORS if which is None else which:
        module = sys.modules.get(name)
        if module is not None:
            module.seed(seed if name == "random" else seed & 0xFFFF_FFFF)


def begin_all(seed: int) -> None:
    """Begin both generators anew, before anybody draws; NumPy's is imported first, else it would come later
    with a state of its own."""
    for name in _GENERATORS:
        import_module(name)
    seed_all(seed)


def fresh_seed(seed: int, name: str) -> int:
    """A seed of its own for a purpose."""
    return key(seed, f"compat/{name}")


def _states(which: list[str]) -> _States:
    return {
        name: sys.modules[name].getstate() if name == "random" else sys.modules[name].get_state(legacy=False)
        for name in which
    }


def _put(states: _States) -> None:
    for name, state in states.items():
        if name == "random":
            sys.modules[name].setstate(state)
        else:
            sys.modules[name].set_state(state)


_texts: dict[str, str] = {}  # file -> what it says


def _is_the_users(module: ModuleType) -> bool:
    file = getattr(module, "__file__", None)
    if not isinstance(file, str) or file.startswith(_INSTALLED):
        return False
    return not (file.startswith(_OURS) and module.__name__.partition(".")[0] in _PACKAGES)


def _text_of(module: ModuleType) -> str:
    file = str(module.__file__)
    text = _texts.get(file)
    if text is None:
        try:
            text = Path(file).read_text("utf-8", errors="replace")
        except OSError:
            text = ""
        _texts[file] = text
    return text
