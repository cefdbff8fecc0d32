"""Application directories: `app_<role>.py`, `<role>.yaml`, `roles.yaml`.

    with opened(Path("teleport")) as instance:       # a netqasm ApplicationInstance
        simulate_application(instance, ...)

While it is open the directory is first on the path; modules that were imported from it are forgotten
afterwards, as another directory has modules of the same names.
"""

from __future__ import annotations

import importlib
import inspect
import runpy
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import yaml
from netqasm.runtime.application import Application, ApplicationInstance, Program

from qruntime.errors import ConfigError

_BEGINS: Final = "app_"
_ENDS: Final = ".py"


def is_application(path: Path) -> bool:
    """Whether it is a directory with programs."""
    return path.is_dir() and any(path.glob(f"{_BEGINS}*{_ENDS}"))


@contextmanager
def opened(path: Path) -> Iterator[ApplicationInstance]:
    """The application of a directory; `ConfigError` that names the file if there is something wrong."""
    directory = path.resolve()
    if not directory.is_dir():
        raise ConfigError(f"{path}: no such directory")
    files = sorted(directory.glob(f"{_BEGINS}*{_ENDS}"))
    if not files:
        raise ConfigError(f"{path}: no application: there is no file app_<role>.py")
    before = list(sys.path)
    forget(directory)
    sys.path.insert(0, str(directory))
    try:
        yield _instance(directory, {file.name[len(_BEGINS) : -len(_ENDS)]: file for file in files})
    finally:
        sys.path[:] = before
        forget(directory)


def forget(directory: Path) -> None:
    """Forget modules that come from a directory."""
    for name, module in list(sys.modules.items()):
        if name != "__main__" and _is_of(name, getattr(module, "__file__", None), directory):
            del sys.modules[name]


def _is_of(name: str, file: Any, directory: Path) -> bool:
    """Whether a module was found in a directory, as a file of it or in a package of it."""
    if not isinstance(file, str):
        return False
    top = directory / name.partition(".")[0]
    return Path(file).is_relative_to(top) or Path(file) == top.with_suffix(_ENDS)


def _instance(directory: Path, files: Mapping[str, Path]) -> ApplicationInstance:
    roles = _read(directory / "roles.yaml")
    placement = {role: role for role in files} if roles is None else _placement(directory, roles, files)
    programs, inputs = [], {}
    for role in placement:
        main = _main(files[role])
        inputs[role] = _inputs(directory / f"{role}.yaml", main, files[role])
        programs.append(Program(party=role, entry=main, args=[], results=[]))
    return ApplicationInstance(
        app=Application(programs=programs, metadata=None),
        program_inputs=inputs,
        network=None,
        party_alloc=placement,
        logging_cfg=None,
    )


def _placement(directory: Path, roles: Any, files: Mapping[str, Path]) -> dict[str, str]:
    where = directory / "roles.yaml"
    if not isinstance(roles, dict):
        raise ConfigError(f"{where}: {roles!r}; a mapping role: node is needed")
    placement = {str(role): str(node) for role, node in roles.items()}
    for role in placement:
        if role not in files:
            raise ConfigError(f"{where}: role {role} has no program; needed: {_BEGINS}{role}{_ENDS}")
    missing = [role for role in files if role not in placement]
    if missing:
        raise ConfigError(f"{where}: says nothing of {', '.join(missing)}; every role has a node")
    return placement


def _main(file: Path) -> Callable[..., Any]:
    try:
        module = importlib.import_module(file.name[: -len(_ENDS)])
    except Exception as error:
        raise ConfigError(f"{_place(error, file)}: {type(error).__name__}: {error}") from error
    main = getattr(module, "main", None)
    if not callable(main):
        raise ConfigError(f"{file}: no function main")
    found: Callable[..., Any] = main
    return found


def _place(error: BaseException, file: Path) -> str:
    """Where in the directory something was raised."""
    if isinstance(error, SyntaxError):
        return f"{error.filename}:{error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(file.parent)]
    return f"{own[-1].filename}:{own[-1].lineno}" if own else str(file)


def _inputs(file: Path, main: Callable[..., Any], program: Path) -> dict[str, Any]:
    """What a role's file says, which `main` has to take."""
    inputs = _read(file)
    if inputs is None:
        inputs = {}
    if not isinstance(inputs, dict):
        raise ConfigError(f"{file}: {inputs!r}; a mapping of inputs of main is needed")
    parameters = inspect.signature(main).parameters
    if not any(each.kind is each.VAR_KEYWORD for each in parameters.values()):
        unknown = [str(name) for name in inputs if name not in parameters]
        if unknown:
            takes = ", ".join(name for name in parameters if name != "app_config") or "none"
            raise ConfigError(
                f"{file}: {', '.join(unknown)}: no input of main of {program.name}; it takes {takes}"
            )
    needed = [
        name
        for name, each in parameters.items()
        if each.default is each.empty
        and each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)
        and name not in inputs
        and name != "app_config"
    ]
    if needed:
        raise ConfigError(f"{file}: {', '.join(needed)} is missing, which main of {program.name} needs")
    return {str(name): value for name, value in inputs.items()}


def _read(file: Path) -> Any:
    """What a YAML file says, None if there is none or nothing in it."""
    try:
        return yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{file}: {error}") from None


def post_function(directory: Path, said: str | None) -> Callable[..., Any] | None:
    """`main` of the file said, or of `post_function.py` if the directory has one."""
    file = directory / (said or "post_function.py")
    if not file.is_file():
        if said is None:
            return None
        raise ConfigError(f"{file}: no such file")
    try:
        main = runpy.run_path(str(file)).get("main")
    except Exception as error:
        raise ConfigError(f"{_place(error, file)}: {type(error).__name__}: {error}") from error
    if not callable(main):
        raise ConfigError(f"{file}: no function main")
    found: Callable[..., Any] = main
    return found
