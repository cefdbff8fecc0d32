"""Deadlines: how many are missed at which load, under every scheduler, with preemption and without.

One generic node with 32 qubits and the OS costs of QNodeOS. Short programs (3 gates, 0.656 ms of the QNPU)
and long ones (40 gates, 3.986 ms) arrive at random, each kind with half of the load; load 1 is all that
the QNPU can do. Outside of it a program spends 2.6 ms. A short one should be over 5 ms after it came, a
long one after 25 ms. At each load all schedulers get the same arrivals, in independent sessions, so that
differences are those of the schedulers; their errors are from the spread between sessions. `edf*` is `edf`
without preemption.

Expected: misses grow with the load; earliest deadline first misses fewest as long as the load is below 1;
a policy that preempts misses fewer than the same one that does not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

from qnos.experiments import block
from qnos.experiments.experiment import Check, Column, Options, Row, Size, mean_of, select, values
from qnos.experiments.panels import Panel, Series
from qnos.experiments.runs import run, schedulers
from qnos.workload import Arrival, Entry
from qnpu import registry

FULL = Size(until_ns=4_000_000_000, shots=0, points=(0.3, 0.5, 0.7, 0.8, 0.9, 1.1))
QUICK = Size(until_ns=400_000_000, shots=0, points=(0.5, 0.8, 0.9))
SESSIONS: Final = 6

BEST: Final = "edf"
PATIENT: Final = "edf*"
CLASSES: Final = {PATIENT: "qnos.experiments.policies:PatientEdf"}  # how the network names what rows call so

GATE_NS, MEASURE_NS, READ_NS = 90_000, 280_000, 16_000
KINDS: Final = {"short": (3, 5_000_000), "long": (40, 25_000_000)}  # gates, deadline

NETWORK: Final = {
    "name": "one_node",
    "os": "qnodeos",
    "nodes": [{"name": "alice", "device": {"kind": "generic", "num_qubits": 32, "measure_ns": READ_NS}}],
}

COLUMNS = (
    Column("load", "load", ".2f"),
    Column("scheduler", "scheduler"),
    Column("preemptive", "preempts"),
    Column("missed", "missed", ".4f"),
    Column("missed_err", "", ".4f"),
    Column("short", "short ones", ".4f"),
    Column("short_err", "", ".4f"),
    Column("long", "long ones", ".4f"),
    Column("long_err", "", ".4f"),
    Column("excess", "more than edf", ".4f"),
    Column("excess_err", "", ".4f"),
    Column("u_local", "U_local", ".3f"),
    Column("instances", "programs", "d"),
    Column("seed", "first seed", "d"),
)


def points(size: Size, options: Options) -> list[dict[str, Any]]:
    """One for each load."""
    names = [
        name for chosen in schedulers(options) for name in (chosen, *([PATIENT] if chosen == BEST else []))
    ]
    return [
        {
            "load": load,
            "schedulers": names,
            "until_ns": size.until_ns,
            "seed": options.seed * 1000 + place * SESSIONS,
        }
        for place, load in enumerate(size.points)
    ]


def work_ns(gates: int) -> int:
    """Time of a block on the QNPU: its reset and its gates cost the OS time, so does its measurement."""
    return (gates + 1) * GATE_NS + MEASURE_NS + READ_NS


def measure(point: dict[str, Any]) -> list[Row]:
    """A row for each scheduler, all with the same arrivals."""
    sessions = {name: _sessions(point, name) for name in point["schedulers"]}
    found = []
    for name, seen in sessions.items():
        best = sessions.get(BEST)
        excess = None if best is None else [a[0] - b[0] for a, b in zip(seen, best, strict=True)]
        row: Row = {
            "load": point["load"],
            "scheduler": name,
            "preemptive": "yes" if registry.policy_class(CLASSES.get(name, name)).preemptive else "no",
        }
        shares = {kind: [session[which] for session in seen] for which, kind in enumerate(("missed", *KINDS))}
        for column, sampled in (*shares.items(), ("excess", excess)):
            row[column], row[f"{column}_err"] = (None, None) if sampled is None else mean_of(sampled)
        row["u_local"] = mean_of([session[3] for session in seen])[0]
        row["instances"] = round(sum(session[4] for session in seen))
        row["seed"] = point["seed"]
        found.append(row)
    return found


def _sessions(point: dict[str, Any], scheduler: str) -> list[tuple[float, ...]]:
    """Of each session: share of deadlines missed, of all and of each kind; U_local; programs."""
    entries = [
        Entry(
            app=block,
            name=kind,
            inputs={"worker": {"gates": gates}},
            arrival=Arrival(rate_per_s=point["load"] / len(KINDS) / work_ns(gates) * 1e9),
            deadline_ns=deadline_ns,
        )
        for kind, (gates, deadline_ns) in KINDS.items()
    ]
    values = {"os.qnpu.scheduler": CLASSES.get(scheduler, scheduler)}
    found = []
    for number in range(SESSIONS):
        result = run(
            "deadlines",
            entries,
            dict(NETWORK),
            values,
            seed=point["seed"] + number,
            until_ns=point["until_ns"],
        )
        apps = [result.apps[kind] for kind in KINDS]
        started = sum(app.started for app in apps)
        found.append(
            (
                sum(app.deadline_misses for app in apps) / started,
                *(app.deadline_misses / max(app.started, 1) for app in apps),
                result.utilisation["alice"].processor_local,
                started,
            )
        )
    return found


# --- what should come out --------------------------------------------------------------------------------


def checks(rows: Sequence[Row]) -> list[Check]:
    """Growth with the load; and, if `edf` is among the schedulers, that it is best, and best with
    preemption."""
    found = [_grows(rows), _same_work(rows)]
    below = [
        row for row in rows if row["load"] < 1 and row["excess"] is not None and row["scheduler"] != BEST
    ]
    if below:
        found.append(_best([row for row in below if row["scheduler"] != PATIENT]))
        found.append(_preemption_pays(select(below, scheduler=PATIENT)))
    return found


def _grows(rows: Sequence[Row]) -> Check:
    """From each load to the next, under every scheduler, but for two standard errors."""
    worst = math.inf
    for scheduler in values(rows, "scheduler"):
        line = select(rows, scheduler=scheduler)
        for less, more in pairwise(line):
            error = math.hypot(less["missed_err"], more["missed_err"])
            worst = min(worst, _sigma(more["missed"] - less["missed"], error))
    return Check("misses grow with the load", f"smallest step {worst:+.1f} sigma", worst >= -2)


def _same_work(rows: Sequence[Row]) -> Check:
    """At loads below 1 all work is done, whoever decides in which order."""
    spread = 0.0
    for load in values(rows, "load"):
        shares = [row["u_local"] for row in select(rows, load=load) if load < 1]
        spread = max(
            [spread, *(share - shares[0] for share in shares), *(shares[0] - share for share in shares)]
        )
    return Check(
        "U_local at loads below 1 is the same under every scheduler", f"within {spread:.4f}", spread < 0.01
    )


def _best(rows: Sequence[Row]) -> Check:
    """No scheduler misses fewer at any load below 1, but for two standard errors of the difference."""
    if not rows:
        return Check("edf misses fewest at loads below 1", "no other scheduler", True)
    sigma, row = min(((_sigma(row["excess"], row["excess_err"]), row) for row in rows), key=lambda at: at[0])
    return Check(
        "edf misses fewest at loads below 1",
        f"the best of the others, {row['scheduler']} at {row['load']}, misses {row['excess']:+.4f} more, "
        f"{sigma:+.1f} sigma",
        sigma >= -2,
    )


def _preemption_pays(rows: Sequence[Row]) -> Check:
    """Over all loads below 1 together."""
    excess = sum(row["excess"] for row in rows) / len(rows)
    error = math.hypot(*(row["excess_err"] for row in rows)) / len(rows)
    return Check(
        "edf without preemption misses more at loads below 1",
        f"{excess:+.4f} ±{error:.4f} on average",
        excess > 2 * error,
    )


def _sigma(difference: float, error: float) -> float:
    if error == 0:
        return 0.0 if difference == 0 else math.copysign(math.inf, difference)
    return difference / error


# --- what is drawn ---------------------------------------------------------------------------------------


def panels(rows: Sequence[Row]) -> list[Panel]:
    """All, short and long ones against the load."""
    names = list(enumerate(values(rows, "scheduler")))
    found = []
    for column, title in (("missed", "all programs"), ("short", "short ones"), ("long", "long ones")):
        series = []
        for colour, name in names:
            chosen = select(rows, scheduler=name)
            series.append(
                Series(
                    name,
                    [row["load"] for row in chosen],
                    [row[column] for row in chosen],
                    [row[f"{column}_err"] for row in chosen],
                    "dashed" if chosen[0]["preemptive"] == "no" else "solid",
                    colour,
                )
            )
        found.append(Panel(f"deadlines missed: {title}", "load", "share", series))
    return found
