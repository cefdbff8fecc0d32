"""House rules that a reader would otherwise have to check: who may import whom, where clocks and randomness
come from, what order may not depend on, and what every file has to say about itself."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

MAY_IMPORT = {
    "netqasm_isa": set(),
    "qruntime": set(),
    "qworld": {"qruntime"},
    "qdriver": {"netqasm_isa", "qruntime"},
    "qnpu": {"qdriver", "netqasm_isa", "qruntime"},
    "cnpu": {"netqasm_isa", "qruntime"},
    "apps": {"cnpu"},
    "qnos": {"netqasm_isa", "qruntime", "qworld", "qdriver", "qnpu", "cnpu", "apps"},
}
PACKAGES = list(MAY_IMPORT)
ONLY_IN_RUNTIME = {"zmq", "trio"}

# Who may look at the wall clock, and what for.
WALL_CLOCK = {
    "qnos/live.py": "how long processes may take to come up and to leave",
    "qruntime/host.py": "simulated time keeps pace with the wall when asked to",
    "qnos/present.py": "a progress bar appears only when a run takes long for the person who waits",
    "qnos/simulate.py": "the wall time of a run is one of its metrics, outside the trace",
    "qnos/cli_compat.py": "--timer says how long it took",
    "qnos/compat/external/roundlog.py": "the SDK's logs have the wall-clock time, and their folders its name",
    "qnos/compat/patience.py": "what of the programs' own takes time here takes simulated time",
    "qnos/workload_run.py": "so it is if several applications run",
}
CLOCKS = re.compile(
    r"time\.(time|monotonic|perf_counter|process_time|thread_time|clock_gettime)(_ns)?"
    r"|time\.(sleep|localtime|gmtime|strftime|ctime|asctime)"
    r"|datetime(\.datetime|\.date)?\.(now|utcnow|today)|date\.today"
)
HIDDEN_RANDOMNESS = ("random", "secrets", "uuid", "numpy.random", "os.urandom")
DRAWN_BY_PROGRAMS = {
    "qnos/compat/qkd.py": "part of a program, and draws as programs of its style do (chance.py)"
}
HANDED_IN = ("random.Random", "numpy.random.Generator")  # types of generators that somebody seeded

# Files that talk to a person at a terminal.
MAY_PRINT = re.compile(r"qnos/(cli\w*|present|schema_docs)\.py")

LINE_CHARACTERS = 110
FILE_LINES = 450


def _files(*folders: str) -> list[str]:
    return sorted(str(path.relative_to(ROOT)) for folder in folders for path in (ROOT / folder).rglob("*.py"))


PACKAGE_FILES = _files(*PACKAGES)
ALL_FILES = PACKAGE_FILES + _files("benchmarks", "tests", "validation")


@cache
def _text(file: str) -> str:
    return (ROOT / file).read_text()


@cache
def _tree(file: str) -> ast.Module:
    return ast.parse(_text(file), file)


def _imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """(line, dotted module) of every import, those inside functions and by name included."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, name.name) for name in names)
            case ast.ImportFrom(module=str(module), level=0, names=names):
                yield from ((node.lineno, f"{module}.{name.name}") for name in names)
            case ast.ImportFrom(level=level) if level:
                yield node.lineno, "."  # within the package
            case ast.Call(func=func, args=[ast.Constant(value=str(module)), *_]):
                if ast.unparse(func) in ("import_module", "importlib.import_module", "__import__"):
                    yield node.lineno, module


def _full_names(tree: ast.Module) -> dict[str, str]:
    """Local name -> dotted name of what it was imported as."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=aliases):
                for alias in aliases:
                    top = alias.name.partition(".")[0]
                    names[alias.asname or top] = alias.name if alias.asname else top
            case ast.ImportFrom(module=str(module), names=aliases):
                names.update({alias.asname or alias.name: f"{module}.{alias.name}" for alias in aliases})
    return names


def _uses(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of every name and attribute that leads back to an import."""
    names = _full_names(tree)
    for node in ast.walk(tree):
        path = []
        part = node
        while isinstance(part, ast.Attribute):
            path.append(part.attr)
            part = part.value
        if isinstance(part, ast.Name) and part.id in names and isinstance(node, (ast.Name, ast.Attribute)):
            yield node.lineno, ".".join([names[part.id], *reversed(path)])


def _none(wrong: Iterable[str]) -> None:
    found = list(wrong)
    assert not found, "\n" + "\n".join(found)


# ------------------------------------------------------------------------------------------------ imports


def test_packages_import_only_what_is_below_them() -> None:
    wrong = []
    for file in PACKAGE_FILES:
        package = file.partition("/")[0]
        for line, module in _imports(_tree(file)):
            top = module.partition(".")[0]
            if top in MAY_IMPORT and top != package and top not in MAY_IMPORT[package]:
                wrong.append(f"{file}:{line} imports {module}")
    _none(wrong)


def test_only_the_runtime_knows_sockets_and_the_event_loop() -> None:
    _none(
        f"{file}:{line} imports {module}"
        for file in PACKAGE_FILES
        for line, module in _imports(_tree(file))
        if module.partition(".")[0] in ONLY_IN_RUNTIME and not file.startswith("qruntime/")
    )


def test_no_package_imports_tests_benchmarks_or_validation() -> None:
    _none(
        f"{file}:{line} imports {module}"
        for file in PACKAGE_FILES
        for line, module in _imports(_tree(file))
        if module.partition(".")[0] in ("tests", "benchmarks", "validation")
    )


@pytest.mark.parametrize(
    "code",
    [
        "import qworld.engine",
        "from qworld import engine",
        "def f():\n import qworld as w",
        "import_module('qworld.engine')",
        "from importlib import import_module\nm = import_module('qworld')",
        "if TYPE_CHECKING:\n from qworld.engine import Engine",
    ],
)
def test_import_is_seen(code: str) -> None:
    assert [module.partition(".")[0] for _, module in _imports(ast.parse(code))][-1] == "qworld"


# ------------------------------------------------------------------------- what the order must not depend on


_SET_METHODS = {"union", "intersection", "difference", "symmetric_difference"}
_ORDERED = {"sorted", "len", "sum", "min", "max", "any", "all", "set", "frozenset"}


def _is_set(node: ast.expr, sets: set[str]) -> bool:
    """Whether the expression is a set, as far as its text tells; `sets` are names known to hold one."""
    match node:
        case ast.Set() | ast.SetComp():
            return True
        case ast.Call(func=ast.Name(id="set" | "frozenset")):
            return True
        case ast.Call(
            func=ast.Name(id="list" | "tuple" | "enumerate" | "iter" | "reversed"), args=[inner, *_]
        ):
            return _is_set(inner, sets)
        case ast.Call(func=ast.Attribute(value=inner, attr=attr)) if attr in _SET_METHODS | {"copy"}:
            return _is_set(inner, sets)
        case ast.BinOp(left=left, op=ast.BitOr() | ast.BitAnd() | ast.Sub() | ast.BitXor(), right=right):
            return _is_set(left, sets) or _is_set(right, sets) or _is_keys(left)
        case ast.Name() | ast.Attribute():
            return ast.unparse(node) in sets
    return False


def _is_keys(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("keys", "items")
    )


def _names_of_sets(tree: ast.AST) -> set[str]:
    """Names and attributes that are annotated as sets or only ever assigned sets."""
    found: dict[str, bool] = {}
    for node in ast.walk(tree):
        match node:
            case ast.AnnAssign(target=target, annotation=annotation):
                found[ast.unparse(target)] = ast.unparse(annotation).startswith(("set", "frozenset"))
            case ast.arg(arg=name, annotation=ast.expr() as annotation):
                found[name] = ast.unparse(annotation).startswith(("set", "frozenset")) and found.get(
                    name, True
                )
            case ast.Assign(targets=[ast.Name() | ast.Attribute() as target], value=value):
                name = ast.unparse(target)
                found[name] = _is_set(value, set()) and found.get(name, True)
    return {name for name, is_set in found.items() if is_set}


def _iterated(tree: ast.Module) -> Iterator[ast.expr]:
    """What loops and comprehensions go through, but for those whose result has no order."""
    unordered = {
        id(node.args[0])
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in _ORDERED
        and node.args
    }
    for node in ast.walk(tree):
        match node:
            case ast.For(iter=iterated):
                yield iterated
            case ast.ListComp() | ast.GeneratorExp() | ast.DictComp() if id(node) not in unordered:
                yield from (generator.iter for generator in node.generators)
            case ast.Call(
                func=ast.Name(id="list" | "tuple" | "enumerate" | "next" | "iter"), args=[inner, *_]
            ):
                yield inner
            case ast.Call(func=ast.Attribute(attr="join" | "extend"), args=[inner]):
                yield inner
            case ast.Starred(value=inner):
                yield inner


def _set_iterations(tree: ast.Module) -> list[int]:
    sets = _names_of_sets(tree)
    return sorted({iterated.lineno for iterated in _iterated(tree) if _is_set(iterated, sets)})


def test_no_code_iterates_a_set() -> None:
    # the order of a set of strings is not the same in two processes
    _none(f"{file}:{line}" for file in PACKAGE_FILES for line in _set_iterations(_tree(file)))


@pytest.mark.parametrize(
    "code",
    [
        "for x in {1, 2}: pass",
        "for x in set(y): pass",
        "y = [x for x in {z for z in q}]",
        "for x in a.keys() - b.keys(): pass",
        "for i, x in enumerate(frozenset(y)): pass",
        "y = set()\nfor x in y: pass",
        "class A:\n def f(self):\n  self.y: set[int] = make()\n def g(self):\n  return list(self.y)",
        "def f(y: set[int]):\n return {x: 1 for x in y}",
        "for x in set(y) | z: pass",
        "', '.join({'a', 'b'})",
        "f(*{1, 2})",
    ],
)
def test_iteration_of_a_set_is_seen(code: str) -> None:
    assert len(_set_iterations(ast.parse(code))) == 1


@pytest.mark.parametrize(
    "code",
    [
        "for x in sorted({1, 2}): pass",
        "y = any(x for x in {1, 2})",
        "y = {1, 2}\nz = 1 in y",
        "for x in [1, 2]: pass",
        "for x in {1: 2}: pass",
        "y = set()\ny = []\nfor x in y: pass",
        "y = len(set(z))",
    ],
)
def test_use_of_a_set_without_its_order_is_not_blamed(code: str) -> None:
    assert _set_iterations(ast.parse(code)) == []


def _clocks(tree: ast.Module) -> list[tuple[int, str]]:
    return [(line, name) for line, name in _uses(tree) if CLOCKS.fullmatch(name)]


def test_wall_clock_is_read_only_where_it_is_named() -> None:
    readers = {file: _clocks(_tree(file)) for file in PACKAGE_FILES}
    assert {file: uses for file, uses in readers.items() if uses and file not in WALL_CLOCK} == {}
    assert [file for file in WALL_CLOCK if not readers.get(file)] == [], "no longer needs its exception"


@pytest.mark.parametrize(
    "code",
    [
        "import time\ntime.time()",
        "from time import perf_counter_ns\nx = perf_counter_ns()",
        "import time as t\nt.monotonic()",
        "from datetime import datetime\ndatetime.now()",
        "import datetime as dt\ndt.datetime.utcnow()",
        "import time\nstart = time.perf_counter",
    ],
)
def test_clock_is_seen(code: str) -> None:
    assert _clocks(ast.parse(code)) != []


def _hidden_randomness(tree: ast.Module) -> list[str]:
    """Uses of generators that nobody seeded; a `random.Random` with a seed is one of ours, and a NumPy
    `Generator` cannot be made without a source of bits, which only a caller has."""
    names = _full_names(tree)
    unseeded = [
        f"{node.lineno} Random()"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and not node.args
        and names.get(ast.unparse(node.func)) == "random.Random"
    ]
    return unseeded + [
        f"{line} {name}"
        for line, name in [*_imports(tree), *_uses(tree)]
        if name not in HANDED_IN
        and any(name == module or name.startswith(f"{module}.") for module in HIDDEN_RANDOMNESS)
    ]


def test_randomness_comes_from_named_streams_only() -> None:
    draws = {file: _hidden_randomness(_tree(file)) for file in PACKAGE_FILES}
    _none(f"{file}:{use}" for file, uses in draws.items() if file not in DRAWN_BY_PROGRAMS for use in uses)
    assert [file for file in DRAWN_BY_PROGRAMS if not draws.get(file)] == [], "no longer needs its exception"


@pytest.mark.parametrize(
    "code",
    [
        "import random",
        "from random import choice",
        "from random import Random\nr = Random()",
        "import numpy as np\nx = np.random.default_rng(1)",
        "from uuid import uuid4",
        "import os\nos.urandom(3)",
    ],
)
def test_hidden_randomness_is_seen(code: str) -> None:
    assert _hidden_randomness(ast.parse(code)) != []
    assert _hidden_randomness(ast.parse("from random import Random\nr = Random(seed)")) == []
    assert _hidden_randomness(ast.parse("from numpy.random import Generator\ndef f(r: Generator): ...")) == []


# ------------------------------------------------------------------------------------------------- manners


def test_only_the_command_line_prints() -> None:
    _none(
        f"{file}:{node.lineno}"
        for file in PACKAGE_FILES
        if not MAY_PRINT.fullmatch(file)
        for node in ast.walk(_tree(file))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("print", "pprint", "sys.stdout.write")
    )


def test_every_module_says_what_it_is_for() -> None:
    # an empty __init__.py has nothing to explain
    assert [file for file in ALL_FILES if _tree(file).body and not ast.get_docstring(_tree(file))] == []


def test_public_functions_and_classes_have_docstrings() -> None:
    _none(
        f"{file}:{node.lineno} {node.name}"
        for file in PACKAGE_FILES
        for node in _tree(file).body
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
    )


def test_lines_are_short_enough() -> None:
    # a table whose rows are its records says so to the linter
    _none(
        f"{file}:{number}"
        for file in ALL_FILES
        if "# ruff: noqa: E501 - " not in _text(file)
        for number, line in enumerate(_text(file).splitlines(), 1)
        if len(line) > LINE_CHARACTERS
    )


def test_every_file_is_one_noun() -> None:
    lines = {file: _text(file).count("\n") for file in PACKAGE_FILES}
    assert {file: count for file, count in lines.items() if count > FILE_LINES} == {}


def test_every_package_travels_in_the_wheel() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    found = [
        str(path.parent.relative_to(ROOT)).replace("/", ".")
        for package in PACKAGES
        if package != "apps"  # travels under another name
        for path in (ROOT / package).rglob("__init__.py")
    ]
    assert [name for name in found if name not in listed] == []
