"""What experiments with workloads share: a run of which nothing may fail, and how schedulers are chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from qnos import api
from qnos.experiments.experiment import Options
from qnos.loading import Source, with_values
from qnos.workload import Entry, Workload
from qnos.workload_results import WorkloadResult, failures
from qnpu import registry
from qruntime.errors import QnosError

PATIENT: Final = {"os.qnpu.request_timeout_ns": 10**13}  # requests wait for their turn however long it takes


def schedulers(options: Options) -> tuple[str, ...]:
    """Those asked for, else all that are registered; `ConfigError` for one that is not there."""
    for name in options.schedulers or ():
        registry.policy_class(name)
    return options.schedulers or tuple(registry.names())


def run(
    name: str,
    entries: Sequence[Entry],
    network: Source,
    values: Mapping[str, Any],
    *,
    seed: int,
    shots: int = 1,
    until_ns: int | None = None,
    schedule: str | None = None,
    admission: bool = True,
) -> WorkloadResult:
    """The entries beside each other; `QnosError` if a program or a metric fails, as no figure would then mean
    what it says."""
    result = api.run(
        Workload(name, tuple(entries), schedule=schedule, admission=admission),
        with_values(network, {**PATIENT, **values}),
        shots=shots,
        seed=seed,
        until_ns=until_ns,
    )
    if result.interrupted:
        raise KeyboardInterrupt
    if result.errors_total:
        raise QnosError(f"{name}, seed {seed}: {failures(result)}")
    return result
