"""Programs that share an NV centre: whose turn the electron and the device are, what is moved for whom, and what
can never succeed."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from netqasm_isa.epr import ArgsIndex
from qdriver.generic import GenericConfig
from qnpu.settings import QnpuSettings
from qworld.links import DepolariseLink, PerfectLink
from tests.pair.harness import (
    MILLISECOND_NS,
    SECOND_NS,
    Bench,
    assert_quiet,
    bits_of,
    epr_error,
    keep,
    lines,
    measure,
    noiseless_nv,
    qubit,
    read_out,
    receive,
)

CREATE = QnpuSettings(epr_start="create", unclaimed_timeout_ns=10 * MILLISECOND_NS)
ONE = GenericConfig(num_qubits=1, t1_ns=0, t2_ns=0)
PAIR_NS = 5_000


def nv_bench(*qubits: int, settings: QnpuSettings | None = None, **options: Any) -> Bench:
    """NV centres in a line, with that many qubits each."""
    nodes = ("alice", "bob", "charlie")[: len(qubits)]
    links = options.pop("links", None) or {
        (i, i + 1): PerfectLink(delay_ns=PAIR_NS) for i in range(len(qubits) - 1)
    }
    devices = {i: noiseless_nv(n) for i, n in enumerate(qubits)}
    return Bench(nodes, links, devices={**devices, **options.pop("devices", {})}, settings=settings, **options)


# --- moved pairs ----------------------------------------


@pytest.mark.parametrize("touched", [False, True])
def test_moved_half_is_made_again_only_if_nobody_has_touched_it(touched: bool) -> None:
    """Bob drops an unclaimed pair. Alice's half was moved to a carbon meanwhile; before that she flipped it,
    or not."""
    bench = nv_bench(3, 1, devices={1: ONE}, settings=CREATE)
    flip = "set Q0 0\nx Q0" if touched else ""
    bench.program(0, 1, lines(keep(), flip)).program(1, 1)
    bench.submit(0, 1, 1, lines(qubit(1), read_out(1, "M0")), at_ns=100_000)
    bench.submit(1, 1, 0, lines(qubit(0), "qfree Q0"), at_ns=MILLISECOND_NS)
    bench.submit(1, 1, 1, lines(receive(), read_out(0, "M1")), at_ns=2 * MILLISECOND_NS)
    bench.submit(0, 1, 2, read_out(0, "M1"), at_ns=3 * MILLISECOND_NS).run(until_ns=SECOND_NS)
    assert bench.emits("MEMORY_MOVE", 0)
    if touched:
        assert bench.cnpus[0].faults[0].data["epr"] == "EXPIRE"
    else:
        assert not bench.cnpus[0].faults
        assert bits_of(bench.cnpus[0].done[2]) == bits_of(bench.cnpus[1].done[1])


def test_half_that_its_owner_corrected_is_made_again() -> None:
    """The creator's OS turns |Psi+> into |Phi+>; its program has done nothing."""
    link = DepolariseLink(fidelity=1, success_probability=1, cycle_ns=PAIR_NS, random_bell_state=True)
    settings = msgspec.structs.replace(CREATE, correcting_side="creator")
    bench = nv_bench(3, 1, devices={1: ONE}, settings=settings, links={(0, 1): link}, seed=2)
    bench.program(0, 1, keep()).program(1, 1)
    bench.submit(1, 1, 0, lines(qubit(0), "qfree Q0"), at_ns=MILLISECOND_NS)
    bench.submit(1, 1, 1, lines(receive(), read_out(0, "M1")), at_ns=2 * MILLISECOND_NS)
    bench.submit(0, 1, 1, read_out(0, "M1"), at_ns=3 * MILLISECOND_NS).run()
    assert bench.emits("EGP_EXPIRE") and bench.starts(0)[0][1] < MILLISECOND_NS, "it did correct"
    assert not bench.cnpus[0].faults
    assert bits_of(bench.cnpus[0].done[1]) == bits_of(bench.cnpus[1].done[1])
