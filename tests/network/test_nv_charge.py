"""Ionised NV centres: what they do to a shot, the check that tells, and post-selection on it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas
import pytest
from click.testing import CliRunner

import qnos
from qnos.cli import main
from qnos.crcheck import CrCheck
from qnos.loading import load_network, with_values
from qnos.noise import effective_noise
from qnos.testing import assert_within

NETWORK = "qnodeos_nv"
IONISED = "nodes.*.device.ionised_probability"
SOON = {"os.qnpu.request_timeout_ns": 20_000_000_000}  # 35 times the mean time of a pair
OFTEN = {**SOON, IONISED: 0.2}


def test_charge_is_wrong_as_often_as_said() -> None:
    """N = 4000 of each node, seed 1, 4 sigma; the two nodes are independent."""
    network = with_values(load_network(NETWORK), {IONISED: 0.2})
    check = CrCheck(network, 1, ("alice", "bob"))
    flags = [check.passed(shot) for shot in range(4000)]
    for node in ("alice", "bob"):
        wrong = sum(not passed[node] for passed in flags)
        assert abs(wrong - 800) < 4 * math.sqrt(4000 * 0.2 * 0.8)
    both = sum(not any(passed.values()) for passed in flags)
    assert abs(both - 160) < 4 * math.sqrt(4000 * 0.04 * 0.96)


def test_only_nodes_that_may_be_ionised_and_run_a_program_are_checked() -> None:
    some = {"nodes.alice.device.ionised_probability": 0.5}
    assert set(qnos.run("rsp", NETWORK, shots=2, values={**SOON, **some}).cr_check) == {"alice"}
    assert qnos.run("rsp", NETWORK, shots=2).cr_check == {}
    local = qnos.run("lgt", NETWORK, shots=2, values=OFTEN, placement={"tomographer": "bob"})
    assert set(local.cr_check) == {"bob"}


def test_ionised_centre_never_heralds_so_the_request_times_out() -> None:
    """N = 100, seed 2: exactly the shots in which both centres are right have results."""
    result = qnos.run("rsp", NETWORK, shots=100, seed=2, values=OFTEN)
    passed = [all(flags) for flags in zip(*result.cr_check.values(), strict=True)]
    assert 0 < sum(passed) < 100
    assert [bool(shot is not None) for shot in result.results["bob"]["outcome"]] == passed
    assert {error.code for error in result.errors} <= {"EPR", "PEER_FAILED"}
    assert any("TIMEOUT" in error.message for error in result.errors)
    assert result.shots_failed == 100 - sum(passed)


@pytest.mark.parametrize("reads_one", [0.5, 0.9])
def test_ionised_centre_reads_a_coin_whatever_its_gates(reads_one: float) -> None:
    """N = 1000, seed 3, 4 sigma: of +Z and -Z prepared in turn, measured in Z without noise."""
    values = {IONISED: 1, "nodes.*.device.ionised_reads_one": reads_one}
    found = qnos.run("lgt", NETWORK, shots=1000, seed=3, values=values, inputs=NO_GATE)
    assert found.cr_check["alice"] == [False] * 1000
    assert_within(found.metrics["r_zz"], 0)  # as often right as wrong, whichever the coin
    right = qnos.run("lgt", NETWORK, shots=300, seed=3, inputs=NO_GATE)
    assert right.metrics["r_zz"].mean == 1


NO_GATE = {"tomographer": {"axis": "X", "angle": 0.0}}


def columns(results: Mapping[str, Any], shots: list[int]) -> list[Any]:
    return [column[k] for keys in results.values() for column in keys.values() for k in shots]


def test_shots_that_pass_are_those_of_a_network_that_is_never_ionised() -> None:
    """N = 300, seed 4: value by value, as the charge has a random stream of its own."""
    with_faults = qnos.run("teleport", "two_nv", shots=300, seed=4, values=OFTEN, post_select=True)
    without = qnos.run("teleport", "two_nv", shots=300, seed=4, values=SOON)
    kept = [k for k, flags in enumerate(zip(*with_faults.cr_check.values(), strict=True)) if all(flags)]
    assert columns(with_faults.results, kept) == columns(without.results, kept)
    metric = with_faults.metrics["fidelity"]
    assert (metric.n, with_faults.shots_dropped) == (len(kept), 300 - len(kept))
    assert_within(metric, without.metrics["fidelity"].mean)
    assert with_faults.post_selected


def test_dropped_shots_are_no_failures() -> None:
    all_of_them = qnos.run("rsp", NETWORK, shots=60, seed=5, values=OFTEN)
    kept = qnos.run("rsp", NETWORK, shots=60, seed=5, values=OFTEN, post_select=True)
    assert all_of_them.shots_failed == kept.shots_dropped > 0
    assert (kept.shots_failed, kept.errors, kept.errors_total) == (0, [], 0)
    assert kept.metrics == all_of_them.metrics, "shots that failed have none anyway"
    assert (all_of_them.post_selected, all_of_them.shots_dropped) == (False, 0)
    coin = {IONISED: 0.5, "nodes.*.device.ionised_reads_one": 0.5}
    spoiled = qnos.run("lgt", NETWORK, shots=400, seed=5, values=coin, inputs=NO_GATE)
    selected = qnos.run("lgt", NETWORK, shots=400, seed=5, values=coin, inputs=NO_GATE, post_select=True)
    assert spoiled.metrics["r_zz"].mean < 1 == selected.metrics["r_zz"].mean


def test_a_failure_in_a_shot_that_passes_still_counts() -> None:
    never = {"os.qnpu.request_timeout_ns": 1_000_000, IONISED: 0.5}
    result = qnos.run("rsp", NETWORK, shots=20, seed=6, values=never, post_select=True)
    assert result.shots_failed == 20 - result.shots_dropped > 0


def test_check_is_the_same_for_a_shot_alone_and_with_processes() -> None:
    """N = 12, seed 7."""
    result = qnos.run("rsp", NETWORK, shots=12, seed=7, values=OFTEN)
    for shot in (3, 11):
        alone = qnos.run("rsp", NETWORK, seed=7, shot=shot, values=OFTEN)
        assert {node: list(flags) for node, flags in alone.cr_check.items()} == {
            node: [flags[shot]] for node, flags in result.cr_check.items()
        }
    apart = qnos.run("rsp", NETWORK, shots=12, seed=7, values=OFTEN, processes=True, post_select=True)
    assert apart.cr_check == result.cr_check
    assert apart.results == result.results
    assert apart.shots_dropped == result.shots_failed


def test_flags_are_in_tables_and_in_the_json() -> None:
    result = qnos.run("rsp", NETWORK, shots=8, seed=8, values=OFTEN)
    data = json.loads(json.dumps(result.to_json_dict()))
    assert data["cr_check"]["alice"] == list(result.cr_check["alice"])
    assert (data["post_selected"], data["shots_dropped"]) == (False, 0)
    frame = result.to_pandas()
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame["cr_check.bob"]) == list(result.cr_check["bob"])
    assert frame["cr_check.bob"].dtype == bool


def test_command_says_how_many_passed_and_how_many_were_dropped(tmp_path: Path) -> None:
    command = ["run", "rsp", "-n", NETWORK, "-k", "40", "--out", str(tmp_path)]
    for path, value in OFTEN.items():
        command += ["--set-network", f"{path}={value}"]
    result = qnos.run("rsp", NETWORK, shots=40, values=OFTEN)
    passed = ", ".join(f"{node} in {sum(flags)}" for node, flags in result.cr_check.items())
    counted = CliRunner().invoke(main, command)
    assert counted.exit_code == 1
    assert f"charge   right at {passed} of 40 shots; all are counted (--post-select" in counted.stdout
    selected = CliRunner().invoke(main, [*command, "--post-select"])
    assert selected.exit_code == 0, selected.output
    assert f"of 40 shots; {result.shots_failed} shots dropped" in selected.stdout
    assert "charge" not in CliRunner().invoke(main, [*command[:6], "--out", str(tmp_path)]).stdout


def test_sweep_post_selects_at_every_point() -> None:
    table = qnos.sweep("rsp", NETWORK, {IONISED: [0.0, 0.3]}, shots=40, seed=9, post_select=True)
    assert [row.error for row in table.rows] == ["", ""]
    assert table.rows[0].metrics["fidelity"].n > table.rows[1].metrics["fidelity"].n


def test_noise_tells_of_ionised_centres_only_where_there_are_some() -> None:
    assert "ionised" not in " ".join(effective_noise(load_network(NETWORK)))
    (line, *_) = effective_noise(with_values(load_network(NETWORK), {IONISED: 0.1}))
    assert line.endswith("ionised_probability 0.1, ionised_reads_one 0.5")
