"""Inputs of a program, read off its signature: `inputs_of(role, main)`.

Everything but the first parameter, the node, is an input. Its type is the annotation, or that of the default:
int, float, str, bool or list (also `list[int]` and so on), each also `| None`.
"""

from __future__ import annotations

import inspect
import json
import math
import types
import typing
from collections.abc import Callable
from typing import Any, Final

from qruntime.errors import ConfigError

REQUIRED: Final = inspect.Parameter.empty

_PLAIN: Final = (bool, int, float, str)
_WORDS: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class Input:
    """One input of a role: its name, its default (or `required`), and the values `convert` lets through.

    `kind` is int, float, str, bool or list; `item` the type of a list's entries, None for any.
    """

    __slots__ = ("default", "item", "kind", "name", "optional", "role")

    def __init__(
        self, role: str, name: str, kind: type, item: type | None, optional: bool, default: Any
    ) -> None:
        self.role = role
        self.name = name
        self.kind = kind
        self.item = item
        self.optional = optional
        self.default = default

    @property
    def required(self) -> bool:
        """Whether there is no default."""
        return self.default is REQUIRED

    @property
    def allowed(self) -> str:
        """The type in words."""
        kind = _word(self.kind) if self.item is None else f"list[{_word(self.item)}]"
        return f"{kind} or None" if self.optional else kind

    def convert(self, value: Any) -> Any:
        """`value` as this input's type; `ConfigError` if it is none."""
        if value is None and self.optional:
            return None
        if self.optional and isinstance(value, str) and self.kind is not str and value.lower() == "none":
            return None
        try:
            return _list(value, self.item) if self.kind is list else _plain(value, self.kind)
        except (ValueError, TypeError, OverflowError):
            raise ConfigError(
                f"input {self.name} of role {self.role} is {value!r}; allowed: {self.allowed}"
            ) from None


def inputs_of(role: str, main: Callable[..., Any]) -> dict[str, Input]:
    """The inputs of a program, in the order of its parameters.

    Raises `ConfigError` for a program without a node parameter, one that takes inputs without names (`*args`,
    `**kwargs`, positional only), and a type that is none of those allowed.
    """
    try:
        signature = inspect.signature(main, eval_str=True)
    except (NameError, AttributeError, SyntaxError, TypeError) as error:
        raise ConfigError(f"the annotations of role {role} cannot be read: {error}") from None
    parameters = list(signature.parameters.values())
    if not parameters or parameters[0].kind in (
        inspect.Parameter.KEYWORD_ONLY,
        inspect.Parameter.VAR_KEYWORD,
    ):
        raise ConfigError(f"the program of role {role} takes no node; its first parameter is the node")
    return {parameter.name: _input(role, parameter) for parameter in parameters[1:]}


def _input(role: str, parameter: inspect.Parameter) -> Input:
    if parameter.kind not in (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY):
        raise ConfigError(f"parameter {parameter.name} of role {role} has no name to give an input by")
    annotation, default = parameter.annotation, parameter.default
    if annotation is REQUIRED:
        if default is REQUIRED or default is None:
            raise ConfigError(f"input {parameter.name} of role {role} has no type: annotate it")
        annotation = type(default)
    optional = False
    if typing.get_origin(annotation) in (types.UnionType, typing.Union):
        members = [member for member in typing.get_args(annotation) if member is not types.NoneType]
        optional = len(members) < len(typing.get_args(annotation))
        annotation = members[0] if len(members) == 1 else None
    kind, item = annotation, None
    if typing.get_origin(annotation) is list:
        kind, (item,) = list, typing.get_args(annotation)
        item = None if item is Any else item
    if (kind not in _PLAIN and kind is not list) or (item is not None and item not in _PLAIN):
        found = inspect.formatannotation(parameter.annotation)
        raise ConfigError(
            f"input {parameter.name} of role {role} has type {found}; "
            "allowed: int, float, str, bool, list, lists of these, and `| None`"
        )
    declared = Input(role, parameter.name, kind, item, optional or default is None, default)
    if not declared.required:
        declared.default = declared.convert(default)
    return declared


def _word(kind: type) -> str:
    return "finite float" if kind is float else kind.__name__


def _plain(value: Any, kind: type) -> Any:
    """`value` as bool, int, float or str; raises ValueError or TypeError if it is none."""
    if kind is str:
        if not isinstance(value, str):
            raise TypeError
        return value
    if kind is bool:
        if isinstance(value, str):
            value = _WORDS.get(value.lower())
        if not isinstance(value, bool):
            raise TypeError
        return value
    if isinstance(value, bool):
        raise TypeError
    if kind is float:
        number = float(value)
        if not math.isfinite(number):
            raise ValueError
        return number
    if isinstance(value, float):  # a sweep counts in floats
        if not value.is_integer():
            raise ValueError
        return int(value)
    return int(value)


def _list(value: Any, item: type | None) -> list[Any]:
    if isinstance(value, str):
        value = json.loads(value)
    if hasattr(value, "tolist"):
        value = value.tolist()
    if not isinstance(value, (list, tuple)):
        raise TypeError
    return [_plain(entry, item) for entry in value] if item is not None else list(value)
