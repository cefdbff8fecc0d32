"""What a workload is: which applications run beside each other on one network, how many of each, and when.

`load_workload(source)` takes a list in one text (``"bqc,lgt*3"``), a sequence (``["bqc", ("lgt", 3)]``), the
path of a workload file, a mapping of the same shape, or a `Workload`. Whatever is wrong with a file is a
`ConfigError` that names file, line and field. An entry has copies, which are told apart by their number; a
copy starts an instance of the application whenever its arrivals say so.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from qnos.documents import Document, in_short
from qnos.schedule import Schedule
from qruntime.errors import ConfigError
from qruntime.limits import LONGEST_NS

COPIES: Final = 4096  # of one entry: as many processes as a QNPU holds
SAID: Final = 1_000_000_000  # to schedulers; messages carry integers of 64 bits
_SPELLED = re.compile(r"\s*(?P<app>[^*]+?)\s*(?:\*\s*(?P<count>\d+)\s*)?")

Nanoseconds = Annotated[int, Meta(ge=0, le=LONGEST_NS)]


class Arrival(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When a copy starts an instance: at `times_ns`, or from `start_ns` on every so often, or at random."""

    times_ns: Annotated[list[Nanoseconds] | None, Meta(description="at these simulated times")] = None
    every_ns: Annotated[
        Annotated[int, Meta(ge=1, le=LONGEST_NS)] | None,
        Meta(description="at regular intervals of this length, the first at start_ns"),
    ] = None
    rate_per_s: Annotated[
        Annotated[float, Meta(gt=0, le=1e9)] | None,
        Meta(description="at random, so many per simulated second on average (Poisson)"),
    ] = None
    start_ns: Annotated[int, Meta(ge=0, le=LONGEST_NS, description="nothing arrives before")] = 0
    instances: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(description="how many arrive with every_ns or rate_per_s; null: as long as the session lasts"),
    ] = None

    @property
    def is_endless(self) -> bool:
        """Whether there is always one more."""
        return (self.every_ns is not None or self.rate_per_s is not None) and self.instances is None


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One application of a workload.

    `app` is a name or path; from Python also what `qnos.run` takes as an application.
    """

    app: Annotated[Any, Meta(description="name of a shipped application, or the path of a file")]
    name: Annotated[
        str | None, Meta(description="what results call it; null: the name of the application")
    ] = None
    count: Annotated[int, Meta(ge=1, le=COPIES, description="copies, each with arrivals of its own")] = 1
    place: Annotated[dict[str, str], Meta(description="role to node, for all copies")] = {}
    inputs: Annotated[
        dict[str, dict[str, Any]], Meta(description="role to name to value, for all copies")
    ] = {}
    arrival: Annotated[Arrival, Meta(description="when instances start; else one at 0 ns")] = Arrival()
    stagger_ns: Annotated[
        int,
        Meta(
            ge=0, le=LONGEST_NS, description="what arrives for a copy does so this much after the one before"
        ),
    ] = 0
    repetitions: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(
            description="instances in a row for each arrival, one starting when the last has ended; "
            "null: as long as the session lasts"
        ),
    ] = 1
    think_ns: Annotated[
        int, Meta(ge=0, le=LONGEST_NS, description="between the end of an instance and the next in a row")
    ] = 0
    deadline_ns: Annotated[
        Annotated[int, Meta(ge=1, le=LONGEST_NS)] | None,
        Meta(description="after its arrival an instance should have ended by then; null: whenever"),
    ] = None
    demand: Annotated[
        dict[str, Any] | None,
        Meta(
            description="what a copy demands of a computed schedule, as in a file of demands, but for name "
            "and apps; nodes of two roles and the period of regular arrivals need not be said"
        ),
    ] = None
    priority: Annotated[
        Annotated[int, Meta(ge=-SAID, le=SAID)] | None,
        Meta(description="for schedulers that know one, higher is sooner"),
    ] = None
    weight: Annotated[
        Annotated[int, Meta(ge=1, le=SAID)] | None, Meta(description="for schedulers that share by weight")
    ] = None
    quotas: Annotated[
        dict[str, int],
        Meta(
            description="name of a quota to the most that one of its programs may have, below that of nodes"
        ),
    ] = {}

    @property
    def is_endless(self) -> bool:
        """Whether only the end of the session ends it."""
        return self.repetitions is None or self.arrival.is_endless

    @property
    def scheduling(self) -> dict[str, int]:
        """What is said for schedulers."""
        said = {"priority": self.priority, "deadline_ns": self.deadline_ns, "weight": self.weight}
        return {name: value for name, value in said.items() if value is not None}


class WorkloadFile(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The whole file."""

    apps: Annotated[
        list[dict[str, Any]], Meta(min_length=1, description="the applications that run beside each other")
    ]
    name: Annotated[str | None, Meta(description="name of the workload; null: that of the file")] = None
    schedule: Annotated[
        Any,
        Meta(
            description="time bins: computed, from the demands of the applications; or what a network file "
            "may say; null: those of the network"
        ),
    ] = None
    admission: Annotated[
        bool, Meta(description="whether a computed schedule leaves out copies that it cannot serve")
    ] = True


class Workload(msgspec.Struct, frozen=True):
    """Entries under a name, and the schedule they run on. `to_dict()` has the shape of a workload file."""

    name: str
    entries: tuple[Entry, ...]
    schedule: Any = None
    admission: bool = True

    @property
    def endless(self) -> list[Entry]:
        """The entries that end only with the session."""
        return [entry for entry in self.entries if entry.is_endless]

    def to_dict(self) -> dict[str, Any]:
        """What was said, as plain data; an application that is no text by its name."""
        entries = []
        for entry in self.entries:
            plain = {
                name: value
                for name in entry.__struct_fields__
                if (value := getattr(entry, name)) != getattr(_NOTHING_SAID, name)
            }
            plain["app"] = app_name(entry.app)
            if "arrival" in plain:
                plain["arrival"] = {k: v for k, v in msgspec.to_builtins(entry.arrival).items() if v}
            entries.append(plain)
        said: dict[str, Any] = {"name": self.name, "apps": entries}
        if self.schedule is not None:
            plain = self.schedule.to_dict() if isinstance(self.schedule, Schedule) else self.schedule
            said |= {"schedule": plain, "admission": self.admission}
        return said


_NOTHING_SAID: Final = Entry(app=None)


def load_workload(source: Any, stagger_ns: int = 0) -> Workload:
    """The workload that `source` names or describes.

    `stagger_ns` is for lists: each instance starts so much later than the one before it.
    """
    if isinstance(source, Workload):
        return _not_staggered(_checked(source), stagger_ns)
    if isinstance(source, str) and not is_workload_file(source):
        return listed(_spelled(source), source.replace(" ", ""), stagger_ns)
    if isinstance(source, str | os.PathLike):
        return _not_staggered(_file(Path(source)), stagger_ns)
    if isinstance(source, Mapping):
        return _not_staggered(workload_of(Document(dict(source), "workload"), "workload"), stagger_ns)
    if isinstance(source, Sequence):
        pairs = [_pair(item) for item in source]
        spelled = (app_name(app) if count == 1 else f"{app_name(app)}*{count}" for app, count in pairs)
        return listed(pairs, ",".join(spelled), stagger_ns)
    raise ConfigError(
        f"workload is {source!r}; allowed: a list of applications, a workload file, a mapping, a Workload"
    )


def is_list(app: Any) -> bool:
    """Whether this stands for several applications rather than one."""
    if isinstance(app, str):
        return ("," in app or "*" in app) and not Path(app).exists()
    return isinstance(app, Workload) or (isinstance(app, Sequence) and not isinstance(app, bytes))


def is_workload_file(source: str) -> bool:
    """Whether a text is the path of a workload file rather than a list of applications."""
    return source.endswith((".yaml", ".yml", ".json"))


def app_name(app: Any) -> str:
    """What an entry's application is called as long as nobody has loaded it."""
    if isinstance(app, str | os.PathLike):
        return os.fspath(app)
    if isinstance(app, Mapping):
        return "+".join(map(str, app)) or "roles"
    return str(getattr(app, "name", None) or getattr(app, "__name__", "app"))


def listed(apps: Sequence[tuple[Any, int]], name: str, stagger_ns: int = 0) -> Workload:
    """A workload of (application, count); one that comes again has more copies."""
    if not apps:
        raise ConfigError("workload is empty; allowed: one application or more, such as bqc,lgt*3")
    counts: dict[str, tuple[Any, int]] = {}
    for app, count in apps:
        if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= COPIES:
            raise ConfigError(
                f"{app_name(app)} is to run {count!r} times; allowed: an integer from 1 to {COPIES}"
            )
        before = counts.get(app_name(app), (app, 0))[1]
        counts[app_name(app)] = app, before + count
    entries, ahead = [], 0
    for app, count in counts.values():
        arrival = Arrival(start_ns=ahead * stagger_ns)
        entries.append(Entry(app=app, count=count, arrival=arrival, stagger_ns=stagger_ns))
        ahead += count
    return Workload(name, tuple(entries))


def workload_of(document: Document, name: str, folder: Path | None = None) -> Workload:
    """The workload that a document describes; paths of applications are relative to `folder`."""
    top = document.convert((), WorkloadFile, document.data, "a workload file")
    entries = []
    for index, said in enumerate(top.apps):
        path = ("apps", index)
        entry = document.convert(path, Entry, said, "an application of a workload")
        if not isinstance(entry.app, str) or not entry.app:
            raise document.error(
                (*path, "app"), f"is {in_short(entry.app)}; allowed: a name, or the path of a file"
            )
        _check_arrival(document, path, entry)
        if folder is not None and (folder / entry.app).is_file():
            entry = msgspec.structs.replace(entry, app=str(folder / entry.app))
        entries.append(entry)
    named = Counter(entry.name or entry.app for entry in entries)
    for index, entry in enumerate(entries):
        label = entry.name or entry.app
        if named[label] > 1:
            field = "name" if entry.name else "app"
            raise document.error(
                ("apps", index, field), f"is {label!r}, as in another entry; give each a name of its own"
            )
    schedule = top.schedule
    if folder is not None and isinstance(schedule, str) and (folder / schedule).is_file():
        schedule = str(folder / schedule)
    return Workload(top.name or name, tuple(entries), schedule, top.admission)


def _checked(workload: Workload) -> Workload:
    """A workload that was made in Python, held to what a file may say."""
    document = Document(None, workload.name)
    for index, entry in enumerate(workload.entries):
        path = ("apps", index)
        said = {**msgspec.structs.asdict(entry), "app": "", "arrival": msgspec.structs.asdict(entry.arrival)}
        document.convert(path, Entry, said, "an application of a workload")
        _check_arrival(document, path, entry)
    return workload


def _check_arrival(document: Document, path: tuple[str | int, ...], entry: Entry) -> None:
    arrival = entry.arrival
    kinds = [kind for kind in ("times_ns", "every_ns", "rate_per_s") if getattr(arrival, kind) is not None]
    where = (*path, "arrival")
    if len(kinds) > 1:
        raise document.error(
            where, f"says {' and '.join(kinds)}; allowed: one of times_ns, every_ns, rate_per_s"
        )
    if arrival.instances is not None and kinds in ([], ["times_ns"]):
        raise document.error((*where, "instances"), "goes with every_ns and rate_per_s")
    if arrival.start_ns and arrival.times_ns is not None:
        raise document.error((*where, "start_ns"), "does not go with times_ns")


def _file(path: Path) -> Workload:
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: workload cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: workload is no text in UTF-8") from None
    return workload_of(Document.read(text, str(path)), path.stem, path.parent)


def _spelled(text: str) -> list[tuple[Any, int]]:
    """``bqc,lgt*3`` as applications and counts."""
    pairs: list[tuple[Any, int]] = []
    for item in text.split(","):
        match = _SPELLED.fullmatch(item)
        if match is None:
            raise ConfigError(f"workload {text!r}: {item!r} is none of APP and APP*COUNT")
        pairs.append((match["app"], int(match["count"] or 1)))
    return pairs


def _pair(item: Any) -> tuple[Any, int]:
    """An item of a sequence: an application, or (application, count)."""
    if isinstance(item, tuple | list):
        if len(item) != 2:
            raise ConfigError(
                f"workload has {in_short(item)}; allowed: an application, or (application, count)"
            )
        return item[0], item[1]
    return item, 1


def _not_staggered(workload: Workload, stagger_ns: int) -> Workload:
    if stagger_ns:
        raise ConfigError(
            "stagger_ns is for a list of applications; a workload says itself when what arrives"
        )
    return workload
