"""Admission control: what a network with a schedule keeps of its promises as more and more is asked of it.

N programs of delegated computation (`dqc`, every 200 ms) and N of remote state preparation (`rsp`, every
400 ms) between two generic nodes, on a link that takes 20 ms per pair on average. Each should be over
before its next instance comes, and demands a stretch of attempts per period that gives its pair with
probability 0.95. A central controller makes bins of these demands. With admission control it refuses a
program for which there is no room beside those before it; without it lets in all, and leaves out attempts
that would be late. The offered load is the part of the time that all demands together ask for. Both are
measured with the same seeds; errors are from the spread between sessions.

Expected: with admission control who is admitted misses few deadlines at any load, as an attempt fails with
0.05 and may make the next instance late as well. Without, some application misses more and more from load
1 on, and gets less done in time the more is asked for. What is admitted is sized for 0.95, not for the
mean: letting in all gets more done in total."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

from qnos.demands import Demand, packet_length
from qnos.experiments.experiment import Check, Column, Options, Row, Size, mean_of, select, values
from qnos.experiments.panels import Panel, Series
from qnos.experiments.runs import PATIENT, run
from qnos.loading import with_values
from qnos.workload import Arrival, Entry
from qruntime.errors import ConfigError

FULL = Size(until_ns=20_000_000_000, points=(1, 2, 3, 4, 5))
QUICK = Size(until_ns=12_000_000_000, points=(1, 2, 5))
SESSIONS: Final = 6
MS: Final = 1_000_000
P_PACKET: Final = 0.95
PERIODS_NS: Final = {"dqc": 200 * MS, "rsp": 400 * MS}
PLACE: Final = {"dqc": {"client": "alice", "server": "bob"}, "rsp": {"alice": "alice", "bob": "bob"}}
MOST: Final = 2 * (1 - P_PACKET)  # an attempt that fails makes its instance late, and maybe the next
VALUES: Final = {"links.0.success_probability": 5e-4, "nodes.*.device.num_qubits": 64, **PATIENT}

COLUMNS = (
    Column("offered", "offered", ".2f"),
    Column("programs", "N", "d"),
    Column("admission", "admission"),
    Column("app", "application"),
    Column("admitted", "admitted", "d"),
    Column("instances", "instances", "d"),
    Column("missed", "missed", ".3f"),
    Column("missed_err", "", ".3f"),
    Column("in_time_per_s", "in time per s", ".2f"),
    Column("in_time_per_s_err", "", ".2f"),
    Column("seed", "first seed", "d"),
)


def points(size: Size, options: Options) -> list[dict[str, Any]]:
    """One for each number of programs."""
    if options.schedulers is not None:
        raise ConfigError("this experiment compares no schedulers: leave out --schedulers")
    return [
        {"programs": int(programs), "until_ns": size.until_ns, "seed": options.seed * 1000 + place * SESSIONS}
        for place, programs in enumerate(size.points)
    ]


def measure(point: dict[str, Any]) -> list[Row]:
    """With admission control and without, a row for each application."""
    return [row for admission in (True, False) for row in _measured(point, admission)]


def _measured(point: dict[str, Any], admission: bool) -> list[Row]:
    programs, until_ns = point["programs"], point["until_ns"]
    network = with_values("two_generic", VALUES)
    demands = {app: _demand(app, period_ns) for app, period_ns in PERIODS_NS.items()}
    entries = [
        Entry(
            app=app,
            count=programs,
            place=PLACE[app],
            arrival=Arrival(every_ns=period_ns),
            deadline_ns=period_ns,
            demand={name: value for name, value in demands[app].items() if name != "nodes"},
        )
        for app, period_ns in PERIODS_NS.items()
    ]
    offered = 0.0
    for app, period_ns in PERIODS_NS.items():
        demand = Demand(name=app, period_ns=period_ns, **demands[app])
        offered += programs * packet_length(demand, network) / period_ns
    seen: dict[str, list[tuple[float, float, int, int]]] = {app: [] for app in PERIODS_NS}
    for number in range(SESSIONS):
        result = run(
            "admission",
            entries,
            network,
            {},
            seed=point["seed"] + number,
            until_ns=until_ns,
            schedule="computed",
            admission=admission,
        )
        for app, found in result.apps.items():
            in_time = found.started - found.deadline_misses
            seen[app].append(
                (
                    found.deadline_misses / max(found.started, 1),
                    in_time / until_ns * 1e9,
                    programs - len(found.not_admitted),
                    found.started,
                )
            )
    rows = []
    for app, sessions in seen.items():
        missed, missed_err = mean_of([session[0] for session in sessions])
        per_s, per_s_err = mean_of([session[1] for session in sessions])
        rows.append(
            {
                "offered": offered,
                "programs": programs,
                "admission": "on" if admission else "off",
                "app": app,
                "admitted": sessions[0][2],
                "instances": sum(session[3] for session in sessions),
                "missed": missed,
                "missed_err": missed_err,
                "in_time_per_s": per_s,
                "in_time_per_s_err": per_s_err,
                "seed": point["seed"],
            }
        )
    return rows


def _demand(app: str, period_ns: int) -> dict[str, Any]:
    """With room for what the OS costs before the attempts, in their bin, and after them."""
    return {
        "nodes": list(PLACE[app].values()),
        "p_packet": P_PACKET,
        "overhead_ns": 12 * MS,
        "deadline_ns": period_ns - 10 * MS,
    }


# --- what should come out --------------------------------------------------------------------------------


def checks(rows: Sequence[Row]) -> list[Check]:
    """Few misses with admission control; without, more of them and less done."""
    on = [row for row in select(rows, admission="on") if row["admitted"]]
    worst = max(on, key=lambda row: (row["missed"] - 2 * row["missed_err"] > MOST, row["missed"]))
    found = [
        Check(
            f"with admission control at most {MOST:.2f} of the deadlines are missed, but for 2 sigma",
            f"most: {worst['app']} at load {worst['offered']:.2f}, {worst['missed']:.3f} "
            f"±{worst['missed_err']:.3f}",
            worst["missed"] - 2 * worst["missed_err"] <= MOST,
        )
    ]
    most = max(row["offered"] for row in rows)
    if most <= 1:
        return found
    off = max(select(rows, admission="off", offered=most), key=lambda row: row["missed"])
    also = select(rows, admission="on", offered=most, app=off["app"])[0]
    kept = also["missed"] if also["admitted"] else 0.0
    error = math.hypot(off["missed_err"], also["missed_err"])
    found.append(
        Check(
            f"at load {most:.2f} an application misses more without, by more than 3 sigma",
            f"{off['app']}: {off['missed']:.3f} without, {kept:.3f} with, ±{error:.3f}",
            off["missed"] - kept > 3 * error,
        )
    )
    line = select(rows, admission="off", app=off["app"])
    best = max(line, key=lambda row: row["in_time_per_s"])
    error = math.hypot(best["in_time_per_s_err"], off["in_time_per_s_err"])
    found.append(
        Check(
            "without, it gets less done in time at that load than at a lower one, by more than 2 sigma",
            f"{off['app']}: {best['in_time_per_s']:.2f} per s at load {best['offered']:.2f}, "
            f"{off['in_time_per_s']:.2f} at {most:.2f}, ±{error:.2f}",
            best["in_time_per_s"] - off["in_time_per_s"] > 2 * error,
        )
    )
    return found


# --- what is drawn ---------------------------------------------------------------------------------------


def panels(rows: Sequence[Row]) -> list[Panel]:
    """Misses and what is done in time against offered load."""
    found = []
    for column, y in (("missed", "share of deadlines missed"), ("in_time_per_s", "in time per simulated s")):
        series = []
        for colour, app in enumerate(values(rows, "app")):
            for admission, style in (("on", "solid"), ("off", "dashed")):
                line = [row for row in select(rows, app=app, admission=admission) if row["admitted"]]
                series.append(
                    Series(
                        f"{app}, admission {admission}",
                        [row["offered"] for row in line],
                        [row[column] for row in line],
                        [row[f"{column}_err"] for row in line],
                        style,
                        colour,
                    )
                )
        found.append(Panel(y, "offered load", y, series))
    return found
