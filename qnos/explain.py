"""Where the time of programs went: shares by cause for each role, over the shots of a trace or of a run.

`explain(app, network, ...)` runs an application and looks at its trace; `explain_trace(path)` reads one that
was saved; `explain_result(path)` runs the shots of a saved result again. What the causes are, and which of
them counts when, is said in `attribution`. Sums are integers and exact: the causes of a role add up to the
time of its programs.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from qnos.attribution import CAUSES, attribute, totals
from qnos.loading import Source, with_values
from qnos.timeline import Timeline
from qnos.tracefile import read_trace
from qruntime.errors import ConfigError
from qruntime.trace import Record


class RoleTime(msgspec.Struct, frozen=True):
    """The time of all programs of one role: how many there were, and ns by cause."""

    programs: int
    causes: dict[str, int]

    @property
    def total_ns(self) -> int:
        """The time of all of them together."""
        return sum(self.causes.values())

    def mean_ns(self, cause: str) -> float:
        """Mean time of one program that went into a cause."""
        return self.causes[cause] / self.programs

    def share(self, cause: str) -> float:
        """Part of the time that went into a cause, from 0 to 1; 0 of no time."""
        return self.causes[cause] / self.total_ns if self.total_ns else 0.0


class Explanation(msgspec.Struct, frozen=True):
    """Where time went, by role, over so many shots; `subject` says of what."""

    subject: str
    shots: int
    roles: dict[str, RoleTime]

    def to_json_dict(self) -> dict[str, Any]:
        """Plain data: for each role programs, total_ns, and for each cause ns, mean_ns and share."""
        return {
            "subject": self.subject,
            "shots": self.shots,
            "roles": {
                role: {
                    "programs": time.programs,
                    "total_ns": time.total_ns,
                    "causes": {
                        cause: {"ns": ns, "mean_ns": time.mean_ns(cause), "share": time.share(cause)}
                        for cause, ns in time.causes.items()
                    },
                }
                for role, time in self.roles.items()
            },
        }


class Explainer:
    """Adds up shots; one of the onlookers of a run."""

    fault = ""

    def __init__(self, shots: int) -> None:
        self.shots = shots
        self.seen = 0
        self._programs: dict[str, int] = {}
        self._causes: dict[str, dict[str, int]] = {}

    def add(self, shot: int, records: Sequence[Record]) -> None:
        """Take the records of a shot."""
        self.seen += 1
        timeline = Timeline(records)
        for place, stretches in attribute(timeline).items():
            role = timeline.programs[place].role
            self._programs[role] = self._programs.get(role, 0) + 1
            sums = self._causes.setdefault(role, dict.fromkeys(CAUSES, 0))
            for cause, ns in totals(stretches).items():
                sums[cause] += ns

    def close(self) -> None:
        """Nothing is left to do."""

    def explanation(self, subject: str) -> Explanation:
        """What was found so far."""
        roles = {role: RoleTime(self._programs[role], causes) for role, causes in self._causes.items()}
        return Explanation(subject, self.seen, roles)


def explain(
    app: Any,
    network: Source = "two_generic",
    *,
    shots: int = 100,
    seed: int = 0,
    inputs: Mapping[str, Mapping[str, Any]] | None = None,
    placement: Mapping[str, str] | None = None,
    values: Mapping[str, Any] | None = None,
    progress: Callable[[int], None] | None = None,
) -> Explanation:
    """Run `app` on `network` as `qnos.run` does, and say where the time of its programs went.

    Raises `ConfigError` as `qnos.run` does; a program that fails counts up to its failure.
    """
    from cnpu.app import load_app
    from qnos.simulate import simulate
    from qnos.workload import is_list

    if is_list(app):
        raise ConfigError(f"{app} is a list of applications; allowed: one, or a trace of a run of several")
    found = load_app(app)
    loaded = with_values(network, values or {})
    explainer = Explainer(shots)
    simulate(
        found, loaded, shots=shots, seed=seed, inputs=inputs, placement=placement, time_split=False,
        progress=progress, onlookers=(explainer,),
    )  # fmt: skip
    return explainer.explanation(f"{found.name} on {loaded.name}, seed {seed}")


def explain_trace(path: str | os.PathLike[str]) -> Explanation:
    """Where time went in the shots of a saved trace.

    Raises `ConfigError` for a file that is no trace, and for one that does not say when programs wait.
    """
    explainer = Explainer(0)
    for shot, records in read_trace(path):
        events = {record.event for record in records}
        if "PROGRAM_WAITS" not in events and events & {"RESULT_RCVD", "CLAS_MSG_RCVD"}:
            raise ConfigError(
                f"{os.fspath(path)}: shot {shot} has no PROGRAM_WAITS, so what programs waited for is not "
                "known; allowed: a trace of this version of qnos"
            )
        explainer.add(shot, records)
    return explainer.explanation(os.fspath(path))


def explain_result(path: str | os.PathLike[str], shots: int | None = None) -> Explanation:
    """Run the first `shots` shots of a saved result again, on its calibration, and explain them.

    Without `shots` all of them, at most 100. The application is found by its name. Raises `ConfigError` if
    the file is no result.
    """
    from qnos import calibration

    network = calibration.load(path)
    kept = saved(path)
    number = min(kept["shots"], 100) if shots is None else shots
    return explain(
        kept["app"],
        network,
        shots=max(number, 1),
        seed=kept["seed"],
        inputs=kept["inputs"],
        placement=kept["placement"],
    )


def saved(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What a saved result says of its run.

    Raises `ConfigError` if the file is no result.
    """
    try:
        with open(path, "rb") as file:
            kept = msgspec.json.decode(file.read())
    except (OSError, msgspec.DecodeError) as error:
        raise ConfigError(f"{os.fspath(path)}: cannot be read: {error}") from None
    needed = {"app", "seed", "shots", "inputs", "placement", "calibration"}
    if isinstance(kept, dict) and "workload" in kept:
        raise ConfigError(
            f"{os.fspath(path)}: is the result of several applications; a trace of them can be explained"
        )
    if not isinstance(kept, dict) or not needed <= kept.keys():
        raise ConfigError(f"{os.fspath(path)}: is no result that qnos run saved")
    return kept
