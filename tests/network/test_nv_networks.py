"""Applications on NV centres: every one runs, and noise spoils something but not all."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

import qnos
from cnpu import shipped_apps
from qnos.loading import load_network
from qnos.statistics import Metric
from qnos.testing import assert_within

NEEDS_THREE_NODES = ("swap",)
ONE_QUBIT_APPS = ("bb84", "bell_pair", "chsh", "e91", "ghz", "lgt", "ping", "rsp")

F = load_network("two_nv").links[0].model.points()[0].fidelity
W = (4 * F - 1) / 3
B = (1 - F) / 3
DISTILLED = F**2 + 2 * F * B + 5 * B**2

# The metric to look at, what Werner pairs of the link's fidelity give with perfect devices, and what is left
# if the devices spoil everything.
BETWEEN = {
    "bb84": ("qber", 2 * (1 - F) / 3, 0.5),
    "bell_pair": ("fidelity", F, 0.25),
    "bqc": ("trap_failure", (1 - W**2) / 2, 0.5),
    "chsh": ("win", 0.5 + math.sqrt(2) * W / 4, 0.5),
    "distill": ("success", DISTILLED, 0.5),
    "distributed_cnot": ("fidelity_z", (1 + W) / 2, 0.5),
    "e91": ("qber", (1 - W) / 2, 0.5),
    "ghz": ("fidelity", F, 0.25),
    "lgt": ("process_fidelity", 1.0, 0.25),
    "magic_square": ("win", 0.5 + (4 * W + 5 * W**2) / 18, 0.5),
    "rsp": ("fidelity", (2 * F + 1) / 3, 0.5),
    "teleport": ("fidelity", (2 * F + 1) / 3, 0.5),
}


def assert_spoiled_but_not_for_nothing(metric: Metric, best: float, worst: float) -> None:
    """Not better than the best by 4 sigma, better than the worst by 2.5."""
    sign = 1 if best > worst else -1
    assert sign * (metric.mean - best) < 4 * metric.stderr, (metric, best)
    assert sign * (metric.mean - worst) > 2.5 * metric.stderr, (metric, worst)


@pytest.mark.parametrize("app", sorted(set(shipped_apps()) - set(NEEDS_THREE_NODES)))
def test_every_application_for_two_nodes_runs_on_nv_centres(app: str) -> None:
    """N = 300, seed 3: better than with useless devices, not better than with perfect ones."""
    result = qnos.run(app, "two_nv", shots=300, seed=3, time_split=False)
    assert result.shots_failed == 0, result.errors[:1]
    if app in BETWEEN:
        name, best, worst = BETWEEN[app]
        assert_spoiled_but_not_for_nothing(result.metrics[name], best, worst)


@pytest.mark.parametrize("app", ONE_QUBIT_APPS)
def test_applications_of_one_qubit_run_on_the_nodes_of_the_experiment(app: str) -> None:
    """N = 300, seed 4."""
    result = qnos.run(app, "qnodeos_nv", shots=300, seed=4, time_split=False)
    assert result.shots_failed == 0, result.errors[:1]
    if app in BETWEEN:
        name, best, worst = BETWEEN[app]
        assert_spoiled_but_not_for_nothing(result.metrics[name], best, worst)


def test_application_of_two_qubits_is_told_that_the_nodes_of_the_experiment_have_one() -> None:
    result = qnos.run("teleport", "qnodeos_nv", shots=1)
    assert "NORES" in result.errors[0].message


def test_pairs_of_the_experiment_are_psi_plus_or_psi_minus_at_the_published_rate() -> None:
    """N = 2000, seed 5, 4 sigma: mean time of a pair 570 ms, exponential; both states in half of the shots,
    so that uncorrected Z outcomes differ with probability (2 F + 1)/3."""
    values = {"os.qnpu.correcting_side": "none", "os.qnpu.request_ns": 0}
    result = qnos.run("bell_pair", "qnodeos_nv", shots=2000, seed=5, values=values, time_split=False)
    assert_within(result.metrics["error_z"], (2 * 0.72 + 1) / 3)
    assert_within(result.metrics["error_x"], 0.5)
    mean_ns = result.sim_time_ns / result.shots / 3
    assert mean_ns == pytest.approx(570e6, rel=4 / math.sqrt(6000) + 0.01)  # 1 %: what is not attempts


NATIVE = '''
"""A Bell pair of the electron and a carbon, which is measured by way of the electron."""
FLAVOUR = "nv"
TEXT = """
set Q0 0
set Q1 1
qalloc Q0
init Q0
qalloc Q1
init Q1
rot_y Q0 8 4
crot_x Q0 Q1 8 4
rot_z Q0 24 4
rot_x Q1 24 4
meas Q0 M0
qfree Q0
qalloc Q0
init Q0
mov Q1 Q0
meas Q0 M1
ret_reg M0
ret_reg M1
"""

async def main(node):
    registers, _ = await node.run_subroutine(TEXT)
    return {"equal": registers["M0"] == registers["M1"], "one": registers["M0"]}

ROLES = {"main": main}
'''


def test_program_in_the_flavour_of_the_device_runs_as_it_is(tmp_path: Path) -> None:
    """N = 300, seed 6, 4 sigma, without noise; on another device it is told which flavours run there."""
    path = tmp_path / "native.py"
    path.write_text(NATIVE)
    values = {
        f"nodes.*.device.{name}": 0
        for name in (
            "electron_t1_ns", "electron_t2_ns", "carbon_t1_ns", "carbon_t2_ns", "electron_init_depolarise",
            "carbon_init_depolarise", "carbon_rot_xy_depolarise", "carbon_rot_z_depolarise",
            "electron_carbon_depolarise", "readout_error_0", "readout_error_1",
        )
    }  # fmt: skip
    found = qnos.run(path, "two_nv", shots=300, seed=6, values=values).results["main"]
    assert all(found["equal"])
    assert abs(sum(found["one"]) - 150) < 4 * math.sqrt(300) / 2
    refused = qnos.run(path, "two_generic", shots=1)
    assert "flavour 'nv' does not run on this device; it takes vanilla" in refused.errors[0].message
