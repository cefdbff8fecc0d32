"""A settings document: data that still knows the file and line each value came from.

`Document.read(text, label)` parses YAML, `Document(data, label)` wraps a mapping that never was text.
`document.convert(path, schema)` validates the part at `path`, and `document.error(path, sentence)` makes
the `ConfigError` that names file, line and field. YAML is read by the safe loader, with duplicate keys
refused: the parser alone would keep the last and say nothing.
"""

from __future__ import annotations

import difflib
import re
import reprlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
import yaml

from qnos import fields
from qnos.fields import Key
from qruntime.errors import ConfigError

Path = tuple[Key, ...]
T = TypeVar("T")

# What PyYAML lets through: a 30th of February, a number of five thousand digits, `!!bool perhaps`.
_UNREADABLE = (ValueError, LookupError, AttributeError)

# libyaml parses ten times quicker; both give the same nodes and marks.
_Loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_AT = re.compile(r" - at `(?P<path>\$[^`]*)`$")
_STEP = re.compile(r"\.(?P<name>[^.\[]+)|\[(?P<index>\d+)\]")
_SOME_VALUE = "[...]"  # a step into a mapping, which does not say to which of its values
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<name>.*)`$")
_MISSING = re.compile(r"Object missing required field `(?P<name>.*)`$")

_EXPONENT = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$")

_SHOWN_BITS = 128  # of an integer; a longer one is a slip, and would hide the rest of its message

_short = reprlib.Repr()
_short.maxstring = _short.maxother = 60
_short.maxdict = _short.maxlist = 3


class Document:
    """Parsed settings, and where each of them stands.

    `data` is what was said, `label` how messages call the document (a file name, mostly).
    """

    def __init__(self, data: Any, label: str, root: yaml.Node | None = None) -> None:
        self.data = data
        self.label = label
        self._root = root

    @classmethod
    def read(cls, text: str, label: str) -> Document:
        """Parse YAML.

        `ConfigError` with the line if it is none, is empty, or says a key twice.
        """
        loader = _Loader(text)
        try:
            root = loader.get_single_node()
            if root is None:
                raise ConfigError(f"{label}: is empty; a mapping of settings is expected", file=label)
            _refuse_odd_keys(root, label)
            data = loader.construct_document(root)
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 0
            raise ConfigError(
                f"{label}:{line}: is not YAML: {error.problem or error.context}", file=label, line=line
            ) from None
        except yaml.YAMLError as error:
            raise ConfigError(f"{label}: is not YAML: {error}", file=label) from None
        except _UNREADABLE as error:
            line = _unreadable(root)
            raise ConfigError(
                f"{label}:{line}: has a value that cannot be read: {error}", file=label, line=line
            ) from None
        finally:
            loader.dispose()
        return cls(data, label, root)

    def convert(self, path: Path, schema: type[T], found: Any, what: str) -> T:
        """`found`, said at `path`, as a `schema`, a msgspec Struct type.

        `what` names the thing in messages, ``a depolarise link``. Raises `ConfigError` naming file, line,
        field, what was found and what is allowed. Numbers written as text become numbers.
        """
        if not isinstance(found, Mapping):
            names = ", ".join(row.name for row in fields.rows(schema))
            raise self.error(path, f"is {in_short(found)}; allowed: a mapping of {names}")
        try:
            return msgspec.convert(found, schema, strict=False)
        except msgspec.ValidationError as error:
            raise self._explained(path, schema, found, str(error), what) from None

    def part(self, key: Key) -> Document:
        """What is said under a key, as a document of its own; paths begin anew in it, lines do not."""
        step = None if self._root is None else _child(self._root, key)
        return Document(self.data[key], self.label, step and step[0])

    def line(self, path: Path) -> int | None:
        """The line (from 1) of the key or item at `path`; of the nearest enclosing one if it is not there;
        None for data that was never text."""
        if self._root is None:
            return None
        node, line = self._root, int(self._root.start_mark.line)
        for key in path:
            step = _child(node, key)
            if step is None:
                break
            node, line = step
        return line + 1

    def error(self, path: Path, sentence: str, beside: Path | None = None) -> ConfigError:
        """The error ``file:line: field sentence``; `beside` gives the line if not that of `path`."""
        line = self.line(path if beside is None else beside)
        field = shown(path)
        place = self.label if line is None else f"{self.label}:{line}"
        data: dict[str, int | str] = {"file": self.label, "field": field}
        if line is not None:
            data["line"] = line
        subject = f"{field} " if field else ""
        return ConfigError(f"{place}: {subject}{sentence}", **data)

    def _explained(self, path: Path, schema: type[Any], found: Any, text: str, what: str) -> ConfigError:
        """Our sentence for a validation error of msgspec, which names the place inside `schema`."""
        match = _AT.search(text)
        inner: Path = ()
        if match:
            text = text[: match.start()]
            inner = tuple(
                step["name"] if step["name"] is not None else int(step["index"])
                for step in _STEP.finditer(match["path"].partition(_SOME_VALUE)[0])
            )
        owner = fields.find(schema, inner) if inner else None
        if unknown := _UNKNOWN.match(text):
            names = _names(schema, owner)
            sentence = f"is no field of {what}; {nearest(unknown['name'], names)}"
            return self.error((*path, *inner, unknown["name"]), sentence)
        if missing := _MISSING.match(text):
            row = fields.find(schema, (*inner, missing["name"]))
            hint = f"; allowed: {row.allowed} ({row.description})" if row else ""
            whole = (*path, *inner, missing["name"])
            return self.error(whole, f"is missing{hint}", beside=(*path, *inner))
        value = _inside(found, inner)
        if isinstance(value, Mapping) and not text.startswith("Expected "):
            # A check of the schema's own, whose sentence begins with the field to blame.
            first = text.partition(" ")[0]
            if first in _names(schema, owner):
                return self.error((*path, *inner, first), text.removeprefix(first).lstrip())
            return self.error((*path, *inner), text)
        permitted = owner.allowed if owner else text.replace("Expected ", "").replace("`", "")
        return self.error((*path, *inner), f"is {in_short(value)}; allowed: {permitted}")


def nearest(name: str, known: Iterable[str]) -> str:
    """``did you mean x?

    allowed: ...``, without the question where nothing known is close.
    """
    names = list(known)
    begun = [other for other in names if name and other.startswith(name)]
    close = begun or difflib.get_close_matches(name, names, n=1)
    question = f"did you mean {close[0]}? " if close else ""
    return f"{question}allowed: {', '.join(names) or 'none'}"


def shown(path: Sequence[Key]) -> str:
    """A path as people write it: ``links[0].fidelity``."""
    text = ""
    for key in path:
        if isinstance(key, int):
            text += f"[{key}]"
        else:
            text += f".{key}" if text else key
    return text


def in_short(value: Any) -> str:
    """What was found, quoted if it is text, cut if it is long."""
    if isinstance(value, int) and value.bit_length() > _SHOWN_BITS:
        return f"an integer of {value.bit_length()} bits"
    if value is None or isinstance(value, bool | int | float):
        return fields.in_words(value)
    return _short.repr(value)


def scalar(text: str) -> Any:
    """A value typed on a command line, read as YAML: ``0.5``, ``1e-3``, ``true``, ``[1, 2]``, else text."""
    try:
        value = yaml.load(text, Loader=_Loader)
    except yaml.YAMLError:
        return text
    if isinstance(value, str):
        return _number_or(value)
    return value


def scalars(text: str) -> list[Any]:
    """Values separated by commas, each read like `scalar`; brackets nest."""
    try:
        values = yaml.load(f"[{text}]", Loader=_Loader)
    except yaml.YAMLError:
        values = text.split(",")
    return [_number_or(value) if isinstance(value, str) else value for value in values]


def _number_or(text: str) -> Any:
    """YAML 1.1 takes ``1e-3`` for text; a person does not."""
    return float(text) if _EXPONENT.match(text) else text


def _names(schema: type[Any], owner: fields.Row | None) -> list[str]:
    if owner is None:
        return [row.name for row in fields.rows(schema)]
    return fields.names(owner.info)


def _inside(value: Any, path: Path) -> Any:
    for key in path:
        value = value[key]
    return value


def _child(node: yaml.Node, key: Key) -> tuple[yaml.Node, int] | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        item = node.value[key]
        return item, item.start_mark.line
    if isinstance(node, yaml.MappingNode):
        # Merged keys come first, so that a mapping's own, later one wins.
        for name, value in reversed(node.value):
            if name.value == key:
                return value, name.start_mark.line
    return None


def _refuse_odd_keys(root: yaml.Node, label: str) -> None:
    """Duplicate keys and keys that are not text, each with its line."""
    for node in _nodes(root):
        if isinstance(node, yaml.MappingNode):
            _refuse_odd_keys_of(node, label)


def _unreadable(root: yaml.Node) -> int:
    """The line of the value that has the form of a number or date, and is none."""
    loader = _Loader("")  # another: that of the document is in the middle of its work
    for node in _nodes(root):
        if isinstance(node, yaml.ScalarNode):
            try:
                loader.construct_object(node)
            except _UNREADABLE:
                return int(node.start_mark.line) + 1
    raise AssertionError("every value can be read on its own")


def _nodes(root: yaml.Node) -> Iterator[yaml.Node]:
    """Every node but the keys, each once."""
    todo, seen = [root], {id(root)}
    while todo:
        node = todo.pop()
        yield node
        children: list[yaml.Node] = []
        if isinstance(node, yaml.SequenceNode):
            children = node.value
        elif isinstance(node, yaml.MappingNode):
            children = [value for _, value in node.value]
        for child in children:
            if id(child) not in seen:  # an alias is the very node of its anchor
                seen.add(id(child))
                todo.append(child)


def _refuse_odd_keys_of(node: yaml.MappingNode, label: str) -> None:
    lines: dict[str, int] = {}
    for key, _ in node.value:
        line = key.start_mark.line + 1
        if key.tag == "tag:yaml.org,2002:merge":
            continue
        if key.tag != "tag:yaml.org,2002:str":
            text = key.value if isinstance(key, yaml.ScalarNode) else "a list or mapping"
            raise ConfigError(
                f"{label}:{line}: key {text!r} is not text; a field name is expected", file=label, line=line
            )
        if key.value in lines:
            raise ConfigError(
                f"{label}:{line}: {key.value} is given twice, first in line {lines[key.value]}; "
                "allowed: each key once",
                file=label,
                line=line,
                field=key.value,
            )
        lines[key.value] = line
