"""Named parameter sets: devices and links whose numbers come from somewhere, with the source of each.

A set is a YAML file with `about`, `kind`, `parameters` and `sources`. Those in ``configs/devices`` and
``configs/links`` travel with the package and go by their names; a set of your own goes by its path.
`shipped_sets(family)` lists names, `load_set(source)` gives one, and `with_set` lays the rest of a network
file's device or link over the one it names.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from qnos import fields
from qnos.documents import Document, in_short, nearest, scalar
from qnos.documents import Path as FieldPath
from qnos.kinds import SCHEMAS, Family, described
from qruntime.errors import ConfigError
from qworld.links import KINDS

SHIPPED: Final[dict[Family, str]] = {
    "device": "qnos.shipped.configs.devices",
    "link": "qnos.shipped.configs.links",
}
DEFAULT_SOURCE: Final = "default"  # among the sources: that of every parameter without one of its own

Text = Annotated[str, Meta(min_length=1)]


class SetFile(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The file of a parameter set."""

    about: Annotated[Text, Meta(description="what it is, in one sentence")]
    kind: Annotated[Text, Meta(description="kind of hardware, or kind of link")]
    parameters: Annotated[dict[str, Any], Meta(description="parameters of that kind, by name")]
    sources: Annotated[
        dict[str, Text],
        Meta(description="where the numbers come from: by parameter, and default for all others"),
    ] = {}


class ParameterSet(msgspec.Struct, frozen=True):
    """Parameters of a device or a link under a name, and where each of them comes from.

    `name` is that of a shipped set, or the path of a file. `parameters` has those that the set states; the
    others of its `schema` have the defaults of the kind.
    """

    name: str
    family: Family
    about: str
    kind: str
    parameters: dict[str, Any]
    sources: dict[str, str]
    schema: type[Any]

    def source(self, parameter: str) -> str:
        """Where the value of a stated parameter comes from; empty if the set does not say."""
        return self.sources.get(parameter, self.sources.get(DEFAULT_SOURCE, ""))


def shipped_sets(family: Family) -> list[str]:
    """Names of the sets of devices, or of links, that travel with the package."""
    return sorted(
        entry.name.removesuffix(".yaml")
        for entry in files(SHIPPED[family]).iterdir()
        if entry.name.endswith(".yaml")
    )


def load_set(
    source: str,
    family: Family | None = None,
    folder: Path | None = None,
    refuse: Callable[[str], ConfigError] = ConfigError,
) -> ParameterSet:
    """The set called `source`: shipped, or a path to a YAML file, taken relative to `folder`.

    `family` says whether it is to be a device or a link; without, both are searched. `refuse` makes the
    error for a name or path that leads nowhere out of a sentence about it. `ConfigError` for that, and for
    whatever is wrong in the file, with its line.
    """
    if os.sep in source or source.endswith((".yaml", ".yml")):
        return _of_file(source, family, folder, refuse)
    wanted: Iterable[Family] = SHIPPED if family is None else (family,)
    for each in wanted:
        if source in shipped_sets(each):
            text = files(SHIPPED[each]).joinpath(f"{source}.yaml").read_text("utf-8")
            return _parsed(Document.read(text, f"{source}.yaml"), source, each)
    known = [name for each in wanted for name in shipped_sets(each)]
    what = " or ".join(f"a {each}" for each in wanted)
    raise refuse(f"{source!r} is no parameter set of {what}; {nearest(source, known)}, or the path of a file")


def with_set(
    document: Document, path: FieldPath, given: Mapping[str, Any], family: Family, folder: Path
) -> tuple[dict[str, Any], str]:
    """What a device or link says, and the set that it names laid under it; and that set in words.

    The words are empty if it names none. `ConfigError` if there is no such set, or `kind` is another.
    """
    if "set" not in given:
        return dict(given), ""
    field = (*path, "set")
    name = given["set"]
    if not isinstance(name, str):
        listed = ", ".join(shipped_sets(family))
        raise document.error(field, f"is {in_short(name)}; allowed: {listed}, or the path of a file")
    found = load_set(name, family, folder, lambda text: document.error(field, f"cannot be used: {text}"))
    own = {key: value for key, value in given.items() if key != "set"}
    if own.get("kind", found.kind) != found.kind:
        raise document.error(
            (*path, "kind"),
            f"is {in_short(own['kind'])}, but the set {name} is of kind {found.kind}; "
            f"allowed: {found.kind}, or no kind beside a set",
        )
    changes = [f"{key} {in_short(_value(own[key]))}" for key in own if key in found.schema.__struct_fields__]
    merged = {"kind": found.kind, **found.parameters, **own}
    return merged, ", ".join([name, *changes])


def _of_file(
    source: str, family: Family | None, folder: Path | None, refuse: Callable[[str], ConfigError]
) -> ParameterSet:
    path = (folder or Path()) / source
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise refuse(f"{source}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise refuse(f"{source}: cannot be read: is not UTF-8 text") from None
    return _parsed(Document.read(text, str(path)), source, family)


def _parsed(document: Document, name: str, family: Family | None) -> ParameterSet:
    top = document.convert((), SetFile, document.data, "a parameter set")
    if family is None:
        family = "link" if top.kind in KINDS else "device"
    schema = SCHEMAS[family](document, (), top.kind)
    _check(document, schema, top, described(top.kind, family))
    parameters = {key: _value(value) for key, value in top.parameters.items()}
    return ParameterSet(name, family, top.about, top.kind, parameters, top.sources, schema)


def _value(said: Any) -> Any:
    """A number that YAML takes for text, such as 1e10, as a number."""
    return scalar(said) if isinstance(said, str) else said


def _check(document: Document, schema: type[Any], top: SetFile, what: str) -> None:
    """What is stated must be right; what is left out the network file may say."""
    known = [row.name for row in fields.rows(schema)]
    try:
        document.convert(("parameters",), schema, top.parameters, what)
    except ConfigError as error:
        missing = str(error.data.get("field", "")).removeprefix("parameters.")
        if missing in top.parameters or missing not in known:
            raise
    for name in top.sources:
        if name != DEFAULT_SOURCE and name not in top.parameters:
            raise document.error(
                ("sources", name),
                f"is no parameter that this set states; {nearest(name, [DEFAULT_SOURCE, *top.parameters])}",
            )
