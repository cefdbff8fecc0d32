"""Configuration classes as SquidASM programs use them: typed fields, tolerant of what is given.

A subclass of `Model` annotates its fields, with defaults where there are any. Numbers may come as text, a
field that nobody knows is dropped with one warning, and objects given as values are kept by reference.
"""

from __future__ import annotations

import copy
import difflib
import os
import types
import typing
import warnings
from collections.abc import Mapping
from typing import Any, ClassVar, Final, TypeVar, Union, get_args, get_origin

import yaml

from qruntime.errors import ConfigError

Own = TypeVar("Own", bound="Model")

_IGNORED: Final = ("dummy",)  # a field that files use to say nothing at all
_told: dict[str, None] = {}


class CompatWarning(UserWarning):
    """Something that was given has no effect, or another one than it seems to have."""


def warn_once(text: str) -> None:
    """Say it, unless it was said before."""
    if text not in _told:
        _told[text] = None
        warnings.warn(text, CompatWarning, stacklevel=3)


def forget_warnings() -> None:
    """Say everything again."""
    _told.clear()


class Model:
    """Base of configuration classes."""

    fields: ClassVar[Mapping[str, Any]] = {}  # name -> type, of this class and those above it

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.fields = {}  # worked out when first needed: types may refer to classes that come later

    def __init__(self, **given: Any) -> None:
        for name in given:
            if name not in self._types() and name not in _IGNORED:
                warn_once(f"{type(self).__name__} has no field {name!r}, which is ignored{self._near(name)}")
        for name, kind in self._types().items():
            if name in given:
                setattr(self, name, given[name])
            elif hasattr(type(self), name):
                default = getattr(type(self), name)
                self.__dict__[name] = copy.copy(default) if isinstance(default, list) else default
            elif _takes_none(kind):
                self.__dict__[name] = None
            else:
                raise ConfigError(f"{type(self).__name__}: field {name} is missing; allowed: {_words(kind)}")
        self._check()

    def __setattr__(self, name: str, value: Any) -> None:
        kind = self._types().get(name)
        if kind is not None:
            value = _converted(value, kind, f"{type(self).__name__}.{name}")
        self.__dict__[name] = value

    def _check(self) -> None:
        """Raise `ValueError` if fields contradict each other."""

    @classmethod
    def _types(cls) -> Mapping[str, Any]:
        if not cls.fields:
            hints = typing.get_type_hints(cls)
            cls.fields = {name: kind for name, kind in hints.items() if get_origin(kind) is not ClassVar}
        return cls.fields

    @classmethod
    def _near(cls, name: str) -> str:
        near = difflib.get_close_matches(name, cls._types(), n=1, cutoff=0.5)
        return f"; did you mean {near[0]}?" if near else f"; its fields are {', '.join(cls._types())}"

    @classmethod
    def from_file(cls: type[Own], path: str | os.PathLike[str]) -> Own:
        """What a YAML file says.

        Keys that only carry an anchor for other places are no fields, and are no mistake either.
        """
        with open(path, encoding="utf-8") as file:
            return cls.from_text(file.read(), os.fspath(path))

    @classmethod
    def from_text(cls: type[Own], text: str, label: str) -> Own:
        """What YAML text says; `label` is its name in messages."""
        try:
            data = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise ConfigError(f"{label}: {error}") from None
        if not isinstance(data, dict):
            raise ConfigError(f"{label}: a mapping is needed; found {type(data).__name__}")
        carriers = [
            node.value
            for node, value in _top_level(text)
            if getattr(value, "anchor", None) and node.value not in cls._types()
        ]
        return cls(**{key: value for key, value in data.items() if key not in carriers})

    def model_dump(self) -> Any:
        """All fields as plain data: a dict."""
        return {name: _plain(getattr(self, name)) for name in self._types()}

    dict = model_dump

    def copy(self: Own) -> Own:
        """Another with the same values."""
        return copy.copy(self)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        raise TypeError(f"{type(self).__name__} has fields that can be assigned to, and so no hash")

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({', '.join(f'{key}={value!r}' for key, value in self.__dict__.items())})"
        )


def _top_level(text: str) -> list[tuple[Any, Any]]:
    """The (key, value) events of a YAML mapping, with the anchors that values carry."""
    events = list(yaml.parse(text, Loader=yaml.SafeLoader))
    pairs: list[tuple[Any, Any]] = []
    depth, key = 0, None
    for event in events:
        if isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
            continue
        if depth == 1 and isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent | yaml.AliasEvent):
            if key is None:
                key = event
            else:
                pairs.append((key, event))
                key = None
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
    return pairs


def _plain(value: Any) -> Any:
    if isinstance(value, Model):
        return value.model_dump()
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _takes_none(kind: Any) -> bool:
    return kind is Any or type(None) in get_args(kind)


def _words(kind: Any) -> str:
    return {float: "a number", int: "an integer", str: "text", bool: "true or false"}.get(kind, str(kind))


def _converted(value: Any, kind: Any, where: str) -> Any:
    """The value as a field of that type has it; `ConfigError` if it cannot be one."""
    if kind is Any:
        return value
    choices = get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)
    if type(None) in choices:
        if isinstance(value, str) and value in ("None", "null"):
            warn_once(f"{where} is the text {value!r}, which is taken for nothing (null in YAML)")
            value = None
        if value is None:
            return None
        (kind,) = [choice for choice in choices if choice is not type(None)]
    if get_origin(kind) is list:
        if not isinstance(value, list | tuple):
            raise ConfigError(f"{where} is {value!r}; allowed: a list")
        (item,) = get_args(kind)
        if isinstance(value, list) and all(isinstance(each, item) for each in value):
            return value  # by reference: programs append to it later
        return [_converted(each, item, f"{where}[{index}]") for index, each in enumerate(value)]
    if kind is Any:
        return value
    if isinstance(kind, type) and issubclass(kind, Model):
        if isinstance(value, kind):
            return value
        if isinstance(value, dict):
            return kind(**value)
        raise ConfigError(f"{where} is {value!r}; allowed: a {kind.__name__} or a mapping")
    return _scalar(value, kind, where)


def _scalar(value: Any, kind: type, where: str) -> Any:
    wrong = ConfigError(f"{where} is {value!r}; allowed: {_words(kind)}")
    if kind is bool:
        if isinstance(value, str):
            said = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
            if value.lower() in said:
                return said[value.lower()]
        elif value in (0, 1):
            return bool(value)
        raise wrong
    if kind is str:
        return str(value)
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise wrong from None
    if kind is float:
        return number
    if number != int(number):
        raise wrong
    return int(number)
