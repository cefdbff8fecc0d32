"""Multitasking: programs side by side against one after another (shape: Delle Donne et al., Nature 639,
321, 2025).

N programs of delegated computation (`dqc`, client on alice, server on bob) and N of local gate tomography
(`lgt`, on alice), each a row of instances with a pause between two: a program waits for its user as well.
Side by side all 2N start at 0. One after another each has the network to itself, so that its time is that
of all programs together.

On the NV nodes of QNodeOS (one qubit; a device that attempts can do nothing else) attempts are made
whenever somebody waits for a pair, and a program that wants the device has it after at most 100 attempts
(1 ms); there are no time bins. On generic nodes of five qubits attempts go on beside everything else.

Expected: utilisation grows with N and ends below 1, side by side is not slower than one after another, and
fidelities stay as they are. Every point has draws of its own, so that points may be compared with their
errors. U_local is the share of time in which a program has the processor of alice's QNPU, U_all that in
which one has it or the device attempts entanglement."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple

import msgspec

from qnos.experiments.experiment import Check, Column, Options, Row, Size, pooled, select, values
from qnos.experiments.panels import Panel, Series
from qnos.experiments.runs import run, schedulers
from qnos.statistics import Metric
from qnos.workload import Entry

FULL = Size(shots=4000, points=(1, 2, 3, 5))  # shots: of tomography, per program
QUICK = Size(shots=300, points=(1, 3))
LARGEST_SIGMA: Final = 2.0
SIDE: Final = "side by side"
ROW: Final = "one after another"
MS: Final = 1_000_000
ELEMENTS: Final = {"r_xx": 1, "r_yz": -1, "r_zy": 1}  # of a quarter turn about X, where they are not 0


class Setting(NamedTuple):
    """A network, what is changed of it, how many instances of tomography come to one of delegated
    computation, and the pauses."""

    values: dict[str, Any]
    per_dqc: int
    dqc_think_ns: int
    lgt_think_ns: int


SETTINGS: Final = {
    "qnodeos_nv": Setting({"os.qnpu.attempt_batch": 100}, 20, 400 * MS, 30 * MS),
    "two_generic": Setting({}, 5, 5 * MS, MS),
}

COLUMNS = (
    Column("network", "network"),
    Column("scheduler", "scheduler"),
    Column("programs", "N", "d"),
    Column("mode", "mode"),
    Column("makespan_s", "makespan (s)", ".2f"),
    Column("u_local", "U_local", ".4f"),
    Column("u_all", "U_all", ".4f"),
    Column("device_local", "device", ".4f"),
    Column("device_all", "device, attempts", ".4f"),
    Column("dqc", "F of DQC", ".3f"),
    Column("dqc_err", "", ".3f"),
    Column("dqc_n", "of", "d"),
    Column("lgt", "F of LGT", ".3f"),
    Column("lgt_err", "", ".3f"),
    Column("lgt_n", "of", "d"),
    Column("seed", "seed", "d"),
)


def points(size: Size, options: Options) -> list[dict[str, Any]]:
    """One for each number of programs side by side, and one for all of them one after another."""
    found: list[dict[str, Any]] = []
    for network in SETTINGS:
        for scheduler in schedulers(options):
            shared = {"network": network, "scheduler": scheduler, "shots": size.shots}
            for programs in map(int, size.points):
                found.append({**shared, "mode": SIDE, "programs": [programs]})
            found.append({**shared, "mode": ROW, "programs": list(map(int, size.points))})
    return [{**point, "seed": options.seed * 1000 + place} for place, point in enumerate(found)]


def measure(point: dict[str, Any]) -> list[Row]:
    """One row, or one for each number of programs that come one after another."""
    setting = SETTINGS[point["network"]]
    dqc = Entry(
        app="dqc",
        repetitions=max(point["shots"] // setting.per_dqc, 2),
        think_ns=setting.dqc_think_ns,
        place={"client": "alice", "server": "bob"},
    )
    lgt = Entry(
        app="lgt",
        repetitions=point["shots"],
        think_ns=setting.lgt_think_ns,
        place={"tomographer": "alice"},
    )
    changes = {"os.qnpu.scheduler": point["scheduler"], **setting.values}
    return (_side_by_side if point["mode"] == SIDE else _one_after_another)(point, (dqc, lgt), changes)


def _side_by_side(point: dict[str, Any], entries: Sequence[Entry], changes: dict[str, Any]) -> list[Row]:
    (programs,) = point["programs"]
    copies = [msgspec.structs.replace(entry, count=programs) for entry in entries]
    result = run("side by side", copies, point["network"], changes, seed=point["seed"])
    busy = result.utilisation["alice"]
    shares = (busy.processor_local, busy.processor_all, busy.device_local, busy.device_all)
    return [_row(point, programs, result.makespan_ns[0], shares, [result])]


def _one_after_another(point: dict[str, Any], entries: Sequence[Entry], changes: dict[str, Any]) -> list[Row]:
    """Each application alone, so often as there are programs; k programs are the first k of them."""
    most = max(point["programs"])
    results = [
        run(f"{entry.app} alone", [entry], point["network"], changes, seed=point["seed"], shots=most)
        for entry in entries
    ]
    whole_ns = sum(result.sim_time_ns for result in results)
    busy = [(result.sim_time_ns / whole_ns, result.utilisation["alice"]) for result in results]
    shares = tuple(
        sum(weight * getattr(share, name) for weight, share in busy)
        for name in ("processor_local", "processor_all", "device_local", "device_all")
    )
    return [
        _row(point, k, sum(sum(result.makespan_ns[:k]) for result in results), shares, results)
        for k in point["programs"]
    ]


def _row(
    point: dict[str, Any], programs: int, makespan_ns: int, shares: Sequence[float], results: Sequence[Any]
) -> Row:
    apps = {name: app for result in results for name, app in result.apps.items()}
    dqc = apps["dqc"].metrics["fidelity"]
    lgt, lgt_err, lgt_n = _process_fidelity(apps["lgt"].metrics)
    return {
        "network": point["network"],
        "scheduler": point["scheduler"],
        "programs": programs,
        "mode": point["mode"],
        "makespan_s": makespan_ns / 1e9,
        **dict(zip(("u_local", "u_all", "device_local", "device_all"), shares, strict=True)),
        "dqc": dqc.mean,
        "dqc_err": dqc.stderr,
        "dqc_n": dqc.n,
        "lgt": lgt,
        "lgt_err": lgt_err,
        "lgt_n": lgt_n,
        "seed": point["seed"],
    }


def _process_fidelity(metrics: Mapping[str, Metric]) -> tuple[float, float, int]:
    """(1 + sum U_QP R_QP)/4 from the elements of the gate (`lgt`), its standard error, and how many instances
    these elements have.

    The others do not count in it. That of one instance which `lgt` gives guesses which element it will be,
    too, and scatters five times as much. An element that came out the same in all n instances has the error
    of the estimate (k + 1)/(n + 2) of its probability.
    """
    total, variance, n = 0.0, 0.0, 0
    for element, sign in ELEMENTS.items():
        metric = metrics[element]
        if not metric.n:
            return math.nan, math.nan, 0
        total += sign * metric.mean
        agree = ((1 + sign * metric.mean) / 2 * metric.n + 1) / (metric.n + 2)
        variance += 4 * agree * (1 - agree) / metric.n
        n += metric.n
    return (1 + total) / 4, math.sqrt(variance) / 4, n


# --- what should come out ----------------------------------------------------------------------------------


def checks(rows: Sequence[Row]) -> list[Check]:
    """Per network: utilisation, makespan, and both fidelities."""
    found = []
    for network in values(rows, "network"):
        here = select(rows, network=network)
        for column, what in (("u_local", "U_local"), ("u_all", "U_all")):
            found.append(_grows(network, here, column, what))
        found.append(_not_slower(network, here))
        for app in ("dqc", "lgt"):
            found.append(_unchanged(network, here, app))
    return found


def _grows(network: str, rows: Sequence[Row], column: str, what: str) -> Check:
    """From one N to the next, at every scheduler; what is within 0.01 of the last counts as saturated."""
    steps, most = [], 0.0
    for scheduler in values(rows, "scheduler"):
        shares = [row[column] for row in select(rows, scheduler=scheduler, mode=SIDE)]
        steps += [later - earlier for earlier, later in pairwise(shares)]
        most = max(most, *shares)
    least = min(steps, default=0.0)
    return Check(
        f"{network}: {what} does not fall with N, and stays below 1",
        f"smallest step {least:+.4f}, largest share {most:.4f}",
        least >= -0.01 and most <= 1.0,
    )


def _not_slower(network: str, rows: Sequence[Row]) -> Check:
    ratios = [
        row["makespan_s"]
        / select(rows, mode=ROW, scheduler=row["scheduler"], programs=row["programs"])[0]["makespan_s"]
        for row in select(rows, mode=SIDE)
    ]
    return Check(
        f"{network}: makespan side by side over one after another is at most 1",
        f"{min(ratios):.3f} to {max(ratios):.3f}",
        max(ratios) <= 1.0,
    )


def _unchanged(network: str, rows: Sequence[Row], app: str) -> Check:
    """All points side by side together against all one after another, by their errors; and as a chi-square
    whether they scatter more among themselves."""
    side = select(rows, mode=SIDE)
    alone = [select(rows, mode=ROW, scheduler=name)[0] for name in values(rows, "scheduler")]
    (here, here_err), (there, there_err) = pooled(side, app), pooled(alone, app)
    sigma = (here - there) / math.hypot(here_err, there_err)
    chi2 = sum(((row[app] - here) / row[f"{app}_err"]) ** 2 for row in side if row[f"{app}_err"])
    return Check(
        f"{network}: F of {app.upper()} is the same side by side, within {LARGEST_SIGMA:g} sigma",
        f"{here:.4f} ±{here_err:.4f} against {there:.4f} ±{there_err:.4f}, {sigma:+.2f} sigma; "
        f"the {len(side)} points scatter with chi2 {chi2:.1f}",
        abs(sigma) <= LARGEST_SIGMA,
    )


# --- what is drawn -----------------------------------------------------------------------------------------


def panels(rows: Sequence[Row]) -> list[Panel]:
    """Utilisation, makespan and fidelities of each network against N."""
    found = []
    for network in values(rows, "network"):
        here = select(rows, network=network)
        names = list(enumerate(values(here, "scheduler")))
        shares = [_series(here, name, SIDE, "u_all", name, colour) for colour, name in names]
        shares += [_series(here, name, SIDE, "u_local", "", colour, "dashed") for colour, name in names]
        spans = [_series(here, name, SIDE, "makespan_s", name, colour) for colour, name in names]
        spans += [
            _series(here, name, ROW, "makespan_s", "" if colour else ROW, colour, "dashed")
            for colour, name in names
        ]
        fidelities = [_series(here, name, SIDE, "dqc", name, colour) for colour, name in names]
        fidelities += [_series(here, name, SIDE, "lgt", "", colour, "dashed") for colour, name in names]
        x = "programs N of each kind"
        found += [
            Panel(
                f"{network}: busy (dashed: without attempts)", x, "share of time", shares, limits=(0, 1.05)
            ),
            Panel(f"{network}: makespan", x, "simulated s", spans, log=True),
            Panel(f"{network}: fidelity of DQC (dashed: LGT)", x, "fidelity", fidelities),
        ]
    return found


def _series(
    rows: Sequence[Row],
    scheduler: str,
    mode: str,
    column: str,
    label: str,
    colour: int,
    style: str = "solid",
) -> Series:
    chosen = select(rows, scheduler=scheduler, mode=mode)
    errors = [row[f"{column}_err"] for row in chosen] if f"{column}_err" in chosen[0] else []
    x = [row["programs"] for row in chosen]
    return Series(label, x, [row[column] for row in chosen], errors, style, colour)
