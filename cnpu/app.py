"""Applications: modules with programs for the roles of a protocol.

`load_app("teleport")` finds a shipped one, `load_app("path/to/mine.py")` a file; a module or a mapping of
role to program will do as well. An application module has

    ROLES                      {"alice": alice, "bob": bob}, or a function of the number of nodes
    metrics(results)           optional: role -> returned dict of one shot, to numbers by name
    expected(facts, inputs)    optional: what theory says about the metrics, or None
    RANGES                     optional: {"S": (-4, 4)}, the range of one shot's value of a metric

and a docstring. A program is `async def alice(node, theta: float = 0.3) -> dict`; its typed arguments are the
inputs of the role.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib
import importlib.util
import inspect
import math
import os
import pkgutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from cnpu.checks import with_article
from cnpu.inputs import Input, inputs_of
from cnpu.source import Place, defined, failing
from netqasm_isa import FLAVOURS
from qruntime.errors import ConfigError

Main = Callable[..., Any]

SHIPPED: Final = "qnos.shipped.apps"
_loaded: dict[str, tuple[str, ModuleType]] = {}  # file -> (sha256, module)


class App:
    """An application.

    `name`; `doc`, its docstring; `file` and `sha256` of its source (empty for a mapping of roles); `metrics`
    and `expected`, or None; `ranges`, metric -> (low, high) of one shot's value; `flavour`, that of the
    instructions its programs use.
    """

    __slots__ = ("_roles", "doc", "expected", "file", "flavour", "metrics", "name", "ranges", "sha256")

    def __init__(
        self,
        name: str,
        roles: Mapping[str, Main] | Callable[[int], Mapping[str, Main]],
        *,
        doc: str = "",
        file: str = "",
        sha256: str = "",
        metrics: Callable[[dict[str, dict[str, Any]]], dict[str, Any]] | None = None,
        expected: Callable[[Any, dict[str, dict[str, Any]]], dict[str, float] | None] | None = None,
        ranges: Mapping[str, tuple[float, float]] | None = None,
        flavour: str = "vanilla",
    ) -> None:
        self.name = name
        self.doc = inspect.cleandoc(doc)
        self.file = file
        self.sha256 = sha256
        self.metrics = metrics
        self.expected = expected
        self.ranges = self._checked_ranges({} if ranges is None else ranges)
        self.flavour = flavour
        self._roles = roles
        if flavour not in FLAVOURS:
            raise ConfigError(f"{self._where()}: FLAVOUR is {flavour!r}; allowed: {', '.join(FLAVOURS)}")
        for what, call in (("metrics", metrics), ("expected", expected)):
            if call is not None and not callable(call):
                raise ConfigError(f"{self._where()}: {what} is {_type(call)}; a function is needed")
        if isinstance(roles, Mapping):
            self._checked(roles)
        elif not callable(roles):
            raise ConfigError(
                f"{self._where()}: ROLES is {_type(roles)}; a dict of role to program is needed, "
                "or a function of the number of nodes that returns one"
            )

    @property
    def has_fixed_roles(self) -> bool:
        """Whether the roles do not depend on the number of nodes."""
        return isinstance(self._roles, Mapping)

    def roles(self, nodes: int) -> dict[str, Main]:
        """Role -> program for a network of so many nodes.

        Raises `ConfigError` if the application's own function refuses the number or gives no roles.
        """
        if isinstance(self._roles, Mapping):
            return dict(self._roles)
        try:
            roles = self._roles(nodes)
        except Exception as error:
            place = failing(error)
            at = f" ({place})" if place is not None else ""
            raise ConfigError(f"{self._where()}: no roles for {nodes} nodes: {error}{at}") from error
        return self._checked(roles)

    def inputs(self, roles: Mapping[str, Main]) -> dict[str, dict[str, Input]]:
        """Role -> input name -> what it may be, for roles as `roles` gives them."""
        return {role: inputs_of(role, main) for role, main in roles.items()}

    def check_inputs(
        self, roles: Mapping[str, Main], given: Mapping[str, Mapping[str, Any]]
    ) -> dict[str, dict[str, Any]]:
        """Role -> every input's value: what is given, converted to its type, else the default.

        Text is read as the type (`"0.3"`, `"true"`, `"[1, 2]"`). Raises `ConfigError` with role, name, what
        was found and what is allowed.
        """
        for role in given:
            if role not in roles:
                raise ConfigError(f"{self.name} has no role {role!r}; its roles are {', '.join(roles)}")
        return {
            role: _bound(role, inputs, given.get(role, {})) for role, inputs in self.inputs(roles).items()
        }

    def _checked(self, roles: Any) -> dict[str, Main]:
        if not isinstance(roles, Mapping) or not roles:
            raise ConfigError(f"{self._where()}: roles are {roles!r}; a dict of role to program is needed")
        for role, main in roles.items():
            if not isinstance(role, str) or not role:
                raise ConfigError(f"{self._where()}: role {role!r} is no name")
            if not inspect.iscoroutinefunction(main):
                place = defined(main)
                at = f" ({place})" if place is not None else ""
                raise ConfigError(f"{self._where()}: the program of role {role} is no `async def`{at}")
        return dict(roles)

    def _checked_ranges(self, ranges: Any) -> dict[str, tuple[float, float]]:
        if not isinstance(ranges, Mapping):
            raise ConfigError(
                f"{self._where()}: RANGES is {_type(ranges)}; a dict of metric to (low, high) is needed"
            )
        for name, limits in ranges.items():
            if not _is_range(limits):
                raise ConfigError(
                    f"{self._where()}: RANGES[{name!r}] is {limits!r}; two finite numbers are needed, "
                    "the first below the second"
                )
        return {name: (float(low), float(high)) for name, (low, high) in ranges.items()}

    def _where(self) -> str:
        return self.file or f"application {self.name}"

    def __repr__(self) -> str:
        return f"<App {self.name}>"


def load_app(source: str | os.PathLike[str] | ModuleType | Mapping[str, Main] | App) -> App:
    """The application of a shipped name, a file, a module or a mapping of role to program.

    Raises `ConfigError`: no such name (with those there are), no such file, or a file that cannot be imported
    or lacks what an application needs, with file and line.
    """
    if isinstance(source, App):
        return source
    if isinstance(source, ModuleType):
        return _of_module(source, source.__name__.rpartition(".")[2])
    if isinstance(source, Mapping):
        return App("app", source)
    text = os.fspath(source)
    if text.endswith(".py") or os.sep in text or isinstance(source, os.PathLike):
        return _of_file(Path(text))
    return _shipped(text)


def shipped_apps() -> list[str]:
    """The names of the applications that travel with the package."""
    try:
        package = importlib.import_module(SHIPPED)
    except ModuleNotFoundError as error:
        if not SHIPPED.startswith(error.name or "-"):
            raise
        return []
    return sorted(module.name for module in pkgutil.iter_modules(package.__path__) if module.name[0] != "_")


def _shipped(name: str) -> App:
    names = shipped_apps()
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ConfigError(
            f"no application {name!r}{hint}; shipped are {', '.join(names) or 'none'}, "
            "a file is given as a path that ends in .py"
        )
    try:
        module = importlib.import_module(f"{SHIPPED}.{name}")
    except Exception as error:
        raise _import_failed(f"application {name}", error) from error
    return _of_module(module, name)


def _of_file(path: Path) -> App:
    if not path.is_file():
        what = "is no file" if path.exists() else "does not exist"
        raise ConfigError(f"application {path} {what}")
    if path.suffix != ".py":
        raise ConfigError(f"application {path} is no Python file; allowed: a name that ends in .py")
    return _of_module(_import_file(path), path.stem)


def _import_file(path: Path) -> ModuleType:
    """The module of a file; the same object while the file does not change."""
    file = str(path.resolve())
    digest = _sha256(path)
    known = _loaded.get(file)
    if known is not None and known[0] == digest:
        return known[1]
    name = f"qnos_app_{path.stem}_{hashlib.sha256(file.encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # what the module defines looks itself up there
    directory = str(path.resolve().parent)
    sys.path.insert(0, directory)  # an application may import its neighbours
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # sys.exit() in an application must not end qnos
        del sys.modules[name]
        raise _import_failed(str(path), error) from error
    finally:
        sys.path.remove(directory)
    _loaded[file] = digest, module
    return module


def _of_module(module: ModuleType, name: str) -> App:
    file = getattr(module, "__file__", None) or ""
    if not hasattr(module, "ROLES"):
        raise ConfigError(
            f"{file or name}: no ROLES; an application has ROLES = {{'alice': alice, ...}}, "
            "or a function of the number of nodes that returns such a dict"
        )
    return App(
        name,
        module.ROLES,
        doc=module.__doc__ or "",
        file=file,
        sha256=_sha256(Path(file)) if file else "",
        metrics=getattr(module, "metrics", None),
        expected=getattr(module, "expected", None),
        ranges=getattr(module, "RANGES", None),
        flavour=getattr(module, "FLAVOUR", "vanilla"),
    )


def _import_failed(what: str, error: Exception | SystemExit) -> ConfigError:
    place: Place | None
    if isinstance(error, SyntaxError):
        place = Place(os.path.basename(error.filename or what), error.lineno or 0)
        reason = f"SyntaxError: {error.msg}"
    else:
        place = failing(error)
        reason = f"{type(error).__name__}: {error}"
    if place is None:
        return ConfigError(f"{what} cannot be imported: {reason}")
    return ConfigError(f"{what} cannot be imported: {place}: {reason}", file=place.file, line=place.line)


def _bound(role: str, inputs: Mapping[str, Input], given: Mapping[str, Any]) -> dict[str, Any]:
    for name in given:
        if name not in inputs:
            near = difflib.get_close_matches(name, inputs, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            names = ", ".join(inputs) or "none"
            raise ConfigError(f"role {role} has no input {name!r}{hint}; its inputs are: {names}")
    values = {}
    for name, declared in inputs.items():
        if name in given:
            values[name] = declared.convert(given[name])
        elif declared.required:
            raise ConfigError(f"input {name} of role {role} is missing; allowed: {declared.allowed}")
        else:
            values[name] = declared.default
    return values


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None


def _type(value: object) -> str:
    return with_article(type(value).__qualname__)


def _is_range(limits: Any) -> bool:
    return (
        isinstance(limits, tuple | list)
        and len(limits) == 2
        and all(isinstance(end, int | float) and math.isfinite(end) for end in limits)
        and limits[0] < limits[1]
    )
