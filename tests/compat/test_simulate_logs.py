"""The files that rounds of an application leave, and what comes after the last round."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.compat.appdirs import simulated, write

APPS = Path(__file__).parent / "apps"
FIELDS = ["WCT", "SIT", "AID", "SID", "PRC", "HLN", "HFL", "INS", "OPR", "ANG", "QID", "VID", "OUT"]
FIELDS += ["QGR", "LOG"]


def read(path: Path) -> Any:
    return yaml.load(path.read_text(), Loader=yaml.UnsafeLoader)


@pytest.fixture(scope="module")
def teleport(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("apps") / "teleport"
    shutil.copytree(APPS / "teleport", directory, ignore=shutil.ignore_patterns("__pycache__", "log"))
    (directory / "results_config.json").write_text('{"shown": ["state"]}')
    (directory / "post_function.py").write_text(
        "def main(backend):\n"
        "    try:\n"
        "        backend.qmemory\n"
        "    except AttributeError as error:\n"
        "        refusal = str(error)\n"
        "    return {'rounds': len(backend.results), 'roles': dict(backend.roles), 'refusal': refusal}\n"
    )
    simulated(directory, num=2, log_to_files=True)
    return directory


def folders(directory: Path) -> list[Path]:
    return sorted(path for path in (directory / "log").iterdir() if path.name != "LAST")


def test_each_round_leaves_a_folder_and_the_last_is_copied(teleport: Path) -> None:
    first, last = folders(teleport)
    names = sorted(path.name for path in first.iterdir())
    assert names == [
        "network_log.yaml",
        "receiver_class_comm.yaml",
        "receiver_instrs.yaml",
        "results.yaml",
        "sender_class_comm.yaml",
        "sender_instrs.yaml",
        "subroutines_receiver.pkl",
        "subroutines_sender.pkl",
    ]
    copied = teleport / "log" / "LAST"
    assert {path.name: path.read_bytes() for path in copied.iterdir()} == {
        path.name: path.read_bytes() for path in last.iterdir()
    }
    assert json.loads((copied / "results_config.json").read_text()) == {"shown": ["state"]}


def test_last_folder_has_the_results_of_all_rounds_and_what_the_post_function_said(
    teleport: Path,
) -> None:
    first, last = (read(folder / "results.yaml") for folder in folders(teleport))
    assert first == last[:1] and len(last) == 2
    assert list(last[0]) == ["app_receiver", "app_sender"]
    said = last[1]["backend"]
    assert said["rounds"] == 2 and said["roles"] == {"sender": "delft", "receiver": "the-hague"}
    assert "no 'qmemory'" in said["refusal"]


def test_instructions_say_when_what_was_done_to_which_qubit_and_where_it_was_written(teleport: Path) -> None:
    entries = read(teleport / "log" / "LAST" / "sender_instrs.yaml")
    results = read(teleport / "log" / "LAST" / "results.yaml")[-1]["app_sender"]
    assert list(entries[0]) == sorted(FIELDS)  # YAML sorts
    done = [entry["INS"] for entry in entries]
    assert done[0] == "init" and done[-4:] == ["cnot", "h", "meas", "meas"]
    assert set(done[1:-4]) == {"rot_y", "rot_z"}
    init, cnot = entries[0], entries[-4]
    rotations = len(done) - 5
    # a reset takes 100 us, a rotation 1 us, a CNOT 500 us; the pair has been there since 1 us
    assert [entry["SIT"] for entry in (init, cnot)] == [100_000, 600_000 + 1000 * rotations]
    assert init["OPR"] == ["Q0=0"] and init["VID"] == init["QID"] == [0] and init["OUT"] is None
    assert cnot["OPR"] == ["Q0=0", "Q1=1"] and sorted(cnot["QID"]) == [0, 1] and cnot["ANG"] is None
    rotation = entries[1]
    assert rotation["ANG"]["den"] == 2 ** int(rotation["OPR"][-1].partition("=")[2])
    assert [entry["OUT"] for entry in entries[-2:]] == [results["m1"], results["m2"]]
    assert entries[-2]["OPR"] == ["Q0=0", f"M0={results['m1']}"]
    lines = (teleport / "app_sender.py").read_text().splitlines()
    assert lines[cnot["HLN"] - 1].strip() == "qubit.cnot(half)"
    assert cnot["HFL"] == str(teleport / "app_sender.py")
    subroutines = pickle.loads((teleport / "log" / "LAST" / "subroutines_sender.pkl").read_bytes())
    assert subroutines[cnot["SID"]].instructions[cnot["PRC"]].mnemonic == "cnot"


def test_groups_say_which_qubits_share_a_state(teleport: Path) -> None:
    entries = read(teleport / "log" / "LAST" / "sender_instrs.yaml")
    alone = next(group for group in entries[0]["QGR"].values() if group["qubit_ids"] == [["delft", 0, 0]])
    assert alone["is_entangled"] is False and alone["state"] == [[1, 0], [0, 0]]
    (shared,) = entries[-4]["QGR"].values()  # all three, after the CNOT
    assert shared["is_entangled"] is True and shared["state"] is None
    assert sorted(shared["qubit_ids"]) == [["delft", 0, 0], ["delft", 0, 1], ["the-hague", 0, 0]]


def test_network_log_has_a_start_and_a_finish_of_each_pair(teleport: Path) -> None:
    start, finish = read(teleport / "log" / "LAST" / "network_log.yaml")
    assert (start["INS"], start["SIT"], start["TYP"]) == ("epr_start", 0, None)
    assert (finish["INS"], finish["SIT"], finish["TYP"]) == ("epr_finish", 1000, "CK")
    assert finish["NOD"] == ["delft", "the-hague"] and finish["PTH"] == ["fibre"]
    assert finish["QID"] == [1, 0] or finish["QID"] == [0, 0]
    assert finish["MSR"] is None and finish["BAS"] is None


def test_measured_pairs_are_logged_with_outcomes_and_bases(tmp_path: Path) -> None:
    directory = tmp_path / "chosen_bases"
    shutil.copytree(APPS / "chosen_bases", directory, ignore=shutil.ignore_patterns("__pycache__"))
    (results,) = simulated(directory, log_to_files=True)
    entries = read(directory / "log" / "LAST" / "network_log.yaml")
    done = [entry for entry in entries if entry["INS"] == "epr_finish"]
    assert len(done) == 18 and all(entry["TYP"] == "MD" for entry in done)
    ends = results["app_alice"], results["app_bob"]
    both = [zip(*(end[basis] for end in ends), strict=True) for basis in "XYZ"]
    assert [tuple(entry["MSR"]) for entry in done] == [pair for each in both for pair in each]


def test_classical_messages_are_logged_at_both_ends(teleport: Path) -> None:
    last = teleport / "log" / "LAST"
    (sent,) = read(last / "sender_class_comm.yaml")
    waited, got = read(last / "receiver_class_comm.yaml")
    assert (sent["INS"], waited["INS"], got["INS"]) == ("SEND", "WAIT_RECV", "RECV")
    assert (sent["SEN"], sent["REC"], sent["SOD"]) == ("sender", "receiver", 0)
    assert sent["MSG"].startswith("corrections: (") and got["MSG"].startswith("corrections: [")
    assert waited["MSG"] is None
    lines = (teleport / "app_receiver.py").read_text().splitlines()
    assert "recv_structured" in lines[got["HLN"] - 1]


def test_programs_may_log_with_and_without_files(tmp_path: Path) -> None:
    directory = write(
        tmp_path / "app",
        solo="""
        from netqasm.logging.output import get_new_app_logger

        def main(app_config=None):
            get_new_app_logger("solo", app_config.log_config).log("hello")
            with NetQASMConnection("solo", log_config=app_config.log_config) as conn:
                return {"m": Qubit(conn).measure()}
        """,
    )
    assert simulated(directory) == [{"app_solo": {"m": 0}}]
    assert not (directory / "log").exists()
    simulated(directory, log_to_files=True, log_dir=tmp_path / "elsewhere")
    (entry,) = read(tmp_path / "elsewhere" / "LAST" / "solo_app_log.yaml")
    assert entry["LOG"] == "hello"


def test_logging_changes_no_result(tmp_path: Path) -> None:
    directory = tmp_path / "blind"
    shutil.copytree(APPS / "blind", directory, ignore=shutil.ignore_patterns("__pycache__"))
    assert simulated(directory, num=3) == simulated(directory, num=3, log_to_files=True)
