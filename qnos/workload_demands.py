"""The schedule that a workload runs on, computed from what its applications demand if it says so.

`scheduled(plan)` gives the network with it, and marks the copies that the network controller refuses. A copy
demands what its entry says under `demand`: pairs of a packet, how often, how probably. Its path is that of
its two roles, its period that of regular arrivals, unless the entry says others. A copy without a demand is
let in, and has no bins of its own.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import msgspec

from qnos.controller import compute_schedule
from qnos.demands import Demand
from qnos.documents import Document
from qnos.schedule_file import with_schedule
from qruntime.errors import ConfigError

if TYPE_CHECKING:
    from qnos.config import NetworkConfig
    from qnos.workload_plan import Copy, WorkloadPlan

COMPUTED: Final = "computed"


def scheduled(plan: WorkloadPlan) -> NetworkConfig:
    """The network of a plan with the schedule that its workload says; refused copies say why.

    Raises `ConfigError` for a schedule that does not fit, and for a demand that is none.
    """
    workload, network = plan.workload, plan.network
    demands = {(copy.label, copy.number): _demand(plan, copy) for copy in plan.copies if copy.entry.demand}
    if workload.schedule is None:  # demands have been read all the same: a mistake is one
        return network
    if workload.schedule != COMPUTED:
        return with_schedule(network, workload.schedule)
    if not demands:
        raise ConfigError(f"{workload.name}: schedule is computed, but no application says its demand")
    repeats_ns = math.lcm(*(demand.every_ns for demand in demands.values()))
    horizon_ns = None if plan.until_ns is None or repeats_ns <= plan.until_ns else plan.until_ns
    found = compute_schedule(
        list(demands.values()), network, admission=workload.admission, horizon_ns=horizon_ns
    )
    for copy in list(plan.copies):
        demand = demands.get((copy.label, copy.number))
        if demand is not None:
            copy.refused = found.decision(demand.name).reason
    if found.schedule is None:
        return with_schedule(network, None)
    schedule = msgspec.structs.replace(
        found.schedule,
        name=f"{COMPUTED}-{workload.name}",
        period_ns=horizon_ns or found.schedule.period_ns,  # one for a session: what still goes on then waits
    )
    return msgspec.structs.replace(network, schedule=schedule)


def _demand(plan: WorkloadPlan, copy: Copy) -> Demand:
    """What one copy demands, with what follows from its entry."""
    entry, said = copy.entry, dict(copy.entry.demand or {})
    where = f"{plan.workload.name}: {copy.label}[{copy.number}]"
    document = Document({"demand": said}, where)
    for field in ("name", "apps"):
        if field in said:
            raise document.error(("demand", field), "is that of the application; it is not to be said")
    known: dict[str, Any] = {"name": f"{copy.label}[{copy.number}]", "apps": [copy.app.name]}
    if "nodes" not in said:
        nodes = list(copy.placement.values())
        if len(nodes) != 2:
            sentence = f"is missing; {copy.app.name} has {len(nodes)} roles, and only those of two say it"
            raise document.error(("demand", "nodes"), sentence)
        known["nodes"] = nodes
    if "period_ns" not in said and "rate_per_s" not in said:
        if entry.arrival.every_ns is not None:
            known["period_ns"] = entry.arrival.every_ns
        elif entry.arrival.rate_per_s is not None:
            known["rate_per_s"] = entry.arrival.rate_per_s
    return document.convert(("demand",), Demand, {**known, **said}, "a demand")
