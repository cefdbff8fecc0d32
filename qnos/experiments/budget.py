"""The latency budget of delegated computation: intervals of the application `dqc`, read from traces of
runs.

`traced(inputs, shots)` gives traces on the shipped network `qnodeos_nv`; `latencies`, `storage` and
`stretch` read one. The published values were measured from the traces of the first experiment on QNodeOS
(Delle Donne et al., Nature 639, 321, 2025; nine shots of one run)."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from qnos import api
from qnos.loading import load_network, with_values

NETWORK = "qnodeos_nv"
PLACEMENT = {"client": "alice", "server": "bob"}
MS = 1e6
T_NS = 13e6  # coherence time of the halves
HALF_W = (4 * 0.72 - 1) / 6  # half the Werner parameter of the pairs, of fidelity 0.72

# what, published mean, tolerance, all in ms
LATENCIES = (
    ("entanglement end -> S2 done, server", 4.80, 0.15),
    ("entanglement end -> S1 done", 0.32, 0.1),
    ("S1 done -> S2 added", 3.87, 0.1),
    ("S2 on the QNPU", 0.656, 0.1),
    ("server: result -> message received", 1.06, 0.1),
    ("server: message -> submit", 1.32, 0.05),
    ("server: submit of S2", 0.86, 0.05),
    ("client: entanglement end -> C1 done", 0.690, 0.03),
    ("client: result -> message sent", 0.37, 0.05),
    ("client: span on CNPU less span on QNPU", 2.65, 0.3),
)

Trace = Sequence[Sequence[Any]]


def fidelity(*waits_ns: float) -> float:
    """What delegation gives if the halves of a pair wait so long: 1/2 + (w/2) exp(-t/T), t all waits
    together."""
    return 0.5 + HALF_W * math.exp(-sum(waits_ns) / T_NS)


def fidelity_of(alpha: float, waits_ns: float) -> float:
    """What the application gives for an angle if the halves wait `waits_ns` together, up to the gates that
    turn their coherence into populations: electrons lose no population here.

    Ry(pi/2) at the server leaves sin(alpha) of the state on the equator. It decays on until the gate before a
    measurement along Y, which comes after the OS has spent a gate and a measurement on it.
    """
    os = load_network(NETWORK).os.qnpu
    late = math.exp(-(os.gate_ns + os.measure_ns) / T_NS)
    kept = math.cos(alpha) ** 2 + math.sin(alpha) ** 2 * late
    return 0.5 + HALF_W * math.exp(-waits_ns / T_NS) * kept


def traced(inputs: Mapping[str, Mapping[str, Any]], shots: int, seed: int = 9) -> list[Trace]:
    """The records (t_ns, node, unit, event, pid, data) of each shot."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "trace.jsonl"
        network = with_values(load_network(NETWORK), {"os.qnpu.request_timeout_ns": 10**13})
        api.run(
            "dqc",
            network,
            shots=shots,
            seed=seed,
            inputs=inputs,
            placement=PLACEMENT,
            trace=path,
            time_split=False,
        )
        found: list[list[Sequence[Any]]] = []
        for line in path.read_text("utf-8").splitlines():
            record = json.loads(line)
            if isinstance(record, dict):
                found += [[]] if "shot" in record else []
            else:
                found[-1].append(record)
    return [shot for shot in found if shot]


def latencies(trace: Trace) -> dict[str, float]:
    """The intervals of `LATENCIES` in ms."""
    fixed = load_network(NETWORK).os.qnpu.subroutine_ns

    def when(node: str, event: str, which: int = 0) -> int:
        times: list[int] = [t for t, at, _, name, *_ in trace if at == node and name == event]
        return times[which]

    def done(node: str, which: int) -> int:
        return when(node, "PROCMGR_SUBROUTINE_DONE", which) + fixed

    server, client = PLACEMENT["server"], PLACEMENT["client"]
    heralded = when(server, "QDEVICE_PRODUCE_OUTCOME")
    added = when(server, "PROCMGR_SUBROUTINE_ADDED", 1)
    told = when(server, "CLAS_MSG_RCVD")
    submitted = when(server, "SUBROUTINE_SEND_ATTEMPT", 1)
    sent = when(client, "CLAS_MSG_SENT")
    on_cnpu = sent - when(client, "SUBROUTINE_SEND_ATTEMPT")
    on_qnpu = done(client, 0) - when(client, "PROCMGR_SUBROUTINE_ADDED")
    intervals = (
        done(server, 1) - heralded,
        done(server, 0) - heralded,
        added - done(server, 0),
        done(server, 1) - added,
        told - when(server, "RESULT_RCVD"),
        submitted - told,
        when(server, "SUBROUTINE_SENT", 1) - submitted,
        done(client, 0) - heralded,
        sent - when(client, "RESULT_RCVD"),
        on_cnpu - on_qnpu,
    )
    return {what: ns / MS for (what, *_), ns in zip(LATENCIES, intervals, strict=True)}


def storage(trace: Trace) -> tuple[int, int]:
    """From the herald to the beginning of each measurement, in ns: server, client."""
    heralded = min(t for t, _, _, name, *_ in trace if name == "QDEVICE_PRODUCE_OUTCOME")
    begun = {
        node: t
        for t, node, _, name, _, data in trace
        if name == "QDEVICE_CONSUME_CMD" and data[0] == "measure"
    }
    return begun[PLACEMENT["server"]] - heralded, begun[PLACEMENT["client"]] - heralded


def coherent(trace: Trace) -> tuple[int, int]:
    """From the herald to the Ry(pi/2) of each half, in ns: server, client."""
    heralded = min(t for t, _, _, name, *_ in trace if name == "QDEVICE_PRODUCE_OUTCOME")
    turned: dict[str, int] = {}
    for t, node, _, name, _, data in trace:
        if name == "QDEVICE_CONSUME_CMD" and data[0] == "rot_y" and t >= heralded:
            turned.setdefault(node, t - heralded)  # another may come before a measurement along X
    return turned[PLACEMENT["server"]], turned[PLACEMENT["client"]]


def stretch(trace: Trace) -> int:
    """Time of attempts until the pair came, in ns."""
    lengths: list[int] = [data[4] for _, _, _, name, _, data in trace if name == "LINK_ATTEMPTS" and data[5]]
    return lengths[0]
