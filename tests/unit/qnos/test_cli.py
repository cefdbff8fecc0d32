"""The command line: what it prints where, and how it exits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import qnos
from netqasm_isa import assemble
from qnos.cli import main
from qnos.loading import shipped_networks
from qnos.results import ShotError
from qnos.sets import shipped_sets
from qruntime.errors import ConfigError
from tests.unit.qnos.conftest import Simulated

Invoke = Callable[..., Result]
ROOT = Path(__file__).parents[3]


@pytest.fixture
def invoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Runs the command line in an empty directory, on a terminal wide enough for any table."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str, stdin: str | bytes | None = None) -> Result:
        return CliRunner().invoke(main, list(arguments), input=stdin)

    return run


def test_version(invoke: Invoke) -> None:
    result = invoke("--version")
    assert (result.exit_code, result.stdout) == (0, f"qnos, version {qnos.__version__}\n")


def test_help_lists_every_command(invoke: Invoke) -> None:
    listed = invoke("--help").stdout
    assert all(
        name in listed for name in ("run", "sweep", "apps", "networks", "check-config", "asm", "disasm")
    )


@pytest.mark.parametrize("command", ["run", "sweep", "apps", "networks", "check-config", "asm", "disasm"])
def test_every_command_explains_itself(invoke: Invoke, command: str) -> None:
    result = invoke(command, "--help")
    assert result.exit_code == 0
    assert "Usage:" in result.stdout


def test_unknown_command_is_a_wrong_call(invoke: Invoke) -> None:
    result = invoke("rum")
    assert result.exit_code == 2
    assert "No such command" in result.stderr


def test_run_prints_metrics_noise_times_speed_and_the_saved_file(
    invoke: Invoke, simulated: Simulated
) -> None:
    result = invoke("run", "teleport", "--shots", "10", "--seed", "3")
    assert result.exit_code == 0, result.stderr
    assert "teleport on two_generic (alice, bob), 10 shots from 0, seed 3" in result.stdout
    # 5 of 10: Wilson (0.5 -+ 0.26341)
    assert "alice.m  0.5000  [0.2366, 0.7634]    0.5000     10" in result.stdout
    assert "noise    alice, bob: T1 10 s, T2 1 s, two_qubit_gate_depolarise 0.01" in result.stdout
    assert "time     1 us simulated per shot: entanglement 600 ns, gates 400 ns" in result.stdout
    assert "speed    1,000 shots per second" in result.stdout
    assert "saved    qnos-results/teleport-two_generic-3-1.json" in result.stdout
    assert json.loads(Path("qnos-results/teleport-two_generic-3-1.json").read_text())["shots"] == 10


def test_run_passes_its_options_on(invoke: Invoke, simulated: Simulated) -> None:
    result = invoke(
        "run", "teleport", "--network", "three_generic", "--shots", "4",
        "--set", "alice.theta=1e-3", "--set", "alice.name=x", "--set", "bob.on=true",
        "--set-network", "links.*.fidelity=0.8", "--place", "alice=charlie", "--place", "bob=bob",
        "--out", "elsewhere", "--trace", "t.jsonl",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    (call,) = simulated.calls
    assert call["inputs"] == {"alice": {"theta": 0.001, "name": "x"}, "bob": {"on": True}}
    assert call["placement"] == {"alice": "charlie", "bob": "bob"}
    assert [link.model.fidelity for link in call["network"].links] == [0.8] * 3
    assert "alice on charlie, bob" in result.stdout
    assert len(list(Path("elsewhere").iterdir())) == 1
    assert Path("t.jsonl").read_bytes().count(b"shot") == 4


def test_json_prints_one_object_and_nothing_else(invoke: Invoke, simulated: Simulated) -> None:
    result = invoke("run", "teleport", "--json", "--shots", "5")
    assert result.exit_code == 0
    assert result.stderr == ""
    data = json.loads(result.stdout)
    assert data["results"]["alice"]["m"] == [False, True, False, True, False]
    assert data["trace_sha256"] == "0" * 64
    assert data["calibration"]["os"]["preset"] == "qnodeos"


def test_shot_runs_one_shot(invoke: Invoke, simulated: Simulated) -> None:
    invoke("run", "teleport", "--shot", "17")
    assert (simulated.calls[0]["first_shot"], simulated.calls[0]["shots"]) == (17, 1)


def test_a_shot_needs_no_number_of_shots(invoke: Invoke, simulated: Simulated) -> None:
    assert invoke("run", "teleport", "--shot", "500").exit_code == 0
    assert simulated.calls[0]["first_shot"] == 500


def test_explain_prints_the_timeline_of_one_shot(invoke: Invoke, simulated: Simulated) -> None:
    result = invoke("run", "teleport", "--explain", "--shots", "50")
    assert result.exit_code == 0, result.stderr
    assert simulated.calls[0]["shots"] == 1
    line = next(line for line in result.stdout.splitlines() if "PROGRAM_STARTED" in line)
    assert line.split() == ["1,500", "alice", "cnpu", "PROGRAM_STARTED", "0", "teleport", "1"]
    assert invoke("run", "teleport", "--explain", "--json").exit_code == 2


def test_a_failing_program_gives_one_message_its_own_lines_and_status_1(
    invoke: Invoke, simulated: Simulated
) -> None:
    simulated.fail = {
        2: ShotError(2, "alice", "PROGRAM", "ValueError: no", "teleport.py line 31, in alice\n")
    }
    result = invoke("run", "teleport", "--shots", "4")
    assert result.exit_code == 1
    assert result.stderr == (
        "Error: 1 of 4 shots failed; first alice in shot 2: ValueError: no\nteleport.py line 31, in alice\n"
    )
    assert "alice.m" in result.stdout
    as_json = invoke("run", "teleport", "--shots", "4", "--json")
    assert as_json.exit_code == 1
    assert json.loads(as_json.stdout)["errors"][0]["role"] == "alice"


def test_ctrl_c_shows_the_finished_shots_and_exits_130(invoke: Invoke, simulated: Simulated) -> None:
    simulated.interrupt_after = 4
    result = invoke("run", "teleport", "--shots", "1000")
    assert result.exit_code == 130
    assert "4 shots from 0" in result.stdout
    assert "Interrupted after 4 shots" in result.stderr
    saved = json.loads(next(Path("qnos-results").iterdir()).read_text())
    assert saved["interrupted"] is True


def test_ctrl_c_outside_of_a_run_exits_130_too(invoke: Invoke, simulated: Simulated) -> None:
    simulated.raises = KeyboardInterrupt()
    result = invoke("run", "teleport")
    assert (result.exit_code, result.stdout, result.stderr) == (130, "", "Interrupted\n")


@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_config_error_is_one_line_on_stderr(invoke: Invoke, simulated: Simulated, as_json: list[str]) -> None:
    Path("net.yaml").write_text("os: ideal\nnodes:\n  - {name: alice, device: {kind: generic, t1: 3}}\n")
    result = invoke("run", "teleport", "--network", "net.yaml", *as_json)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith(
        "Error: net.yaml:3: nodes[0].device.t1 is no field of a generic device; did"
    )
    assert result.stderr.count("\n") == 1


def test_unknown_application_is_status_1(invoke: Invoke, simulated: Simulated) -> None:
    result = invoke("run", "telport")
    assert (result.exit_code, result.stderr) == (
        1,
        "Error: no application is called 'telport'; allowed: teleport\n",
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "theta=3"], "--set 'theta=3': ROLE.NAME=VALUE is expected"),
        (["--set", "alice.theta"], "--set 'alice.theta': ROLE.NAME=VALUE is expected"),
        (["--place", "alice"], "--place 'alice': ROLE=NODE is expected"),
        (["--set-network", "=3"], "--set-network '=3': PATH=VALUE is expected"),
        (["--shots", "0"], "0 is not in the range"),
        (["--shots", "many"], "'many' is not a valid integer"),
        (["--set", "inputs.alice.theta=3"], "an input is set without the word inputs: alice.theta=VALUE"),
        (["--shot", "3", "--shots", "2"], "--shot 3 is not in a run of --shots 2: their numbers begin at 0"),
        (["--in-flight", "3"], "--in-flight goes with --processes"),
    ],
)
def test_malformed_options_are_wrong_calls(
    invoke: Invoke, simulated: Simulated, arguments: list[str], message: str
) -> None:
    result = invoke("run", "teleport", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert simulated.calls == []


def test_sweep_prints_and_writes_a_row_per_point(invoke: Invoke, simulated: Simulated) -> None:
    result = invoke(
        "sweep", "teleport", "--vary", "links.*.fidelity=0.7:0.9:3", "--shots", "4", "--out", "t.csv"
    )
    assert result.exit_code == 0, result.stderr
    lines = Path("t.csv").read_text().splitlines()
    assert lines[0].startswith("links.*.fidelity,alice.m,alice.m_lo,alice.m_hi,alice.m_expected,alice.f,")
    assert [line.split(",")[0] for line in lines[1:]] == ["0.7", "0.8", "0.9"]
    assert [line.split(",")[5] for line in lines[1:]] == ["0.7", "0.8", "0.9"]
    assert "saved    t.csv" in result.stdout


def test_sweep_with_failing_points_is_status_1(invoke: Invoke, simulated: Simulated) -> None:
    result = invoke("sweep", "teleport", "--vary", "links.*.fidelity=0.5,0.1", "--shots", "2")
    assert result.exit_code == 1
    assert "links[0].fidelity is 0.1; allowed: a number from 0.25 to 1" in result.stdout
    assert "Error: 1 of 2 points failed; see the error column" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--vary", "links.*.fidelity"],
            "--vary 'links.*.fidelity': allowed are path=start:stop:n and path=a",
        ),
        (
            ["--vary", "links.*.fidelty=1,2"],
            "links.*.fidelty: links.* has no 'fidelty'; did you mean fidelity?",
        ),
        (["--vary", "alice.theta=1,2"], "an input of a program is varied as inputs.alice.theta"),
        (["--vary", "os=ideal", "--vary", "os=qnodeos"], "--vary 'os=qnodeos': os is varied already"),
        (["--vary", "os=ideal", "--out", "t.xls"], "t.xls: the suffix is '.xls'; allowed: .csv, .parquet"),
        (["--vary", "inputs.theta=1,2"], "'inputs.theta': an input is varied as inputs.<role>.<name>"),
    ],
)
def test_sweep_refuses_what_no_point_could_run(
    invoke: Invoke, simulated: Simulated, arguments: list[str], message: str
) -> None:
    result = invoke("sweep", "teleport", *arguments)
    assert result.exit_code == 1
    assert message in result.stderr
    assert simulated.calls == []


def test_apps_are_listed_with_roles_inputs_and_purpose(invoke: Invoke) -> None:
    listed = invoke("apps").stdout
    line = next(line for line in listed.splitlines() if line.strip().startswith("teleport "))
    assert "alice, bob" in line
    assert "alice.theta: finite float = 0.3" in line
    assert "Teleportation: Alice sends" in line


def test_networks_are_listed(invoke: Invoke) -> None:
    lines = invoke("networks").stdout.splitlines()
    assert [line.split()[0] for line in lines[1:]] == shipped_networks()
    assert "alice, bob, charlie" in next(line for line in lines if "three_generic" in line)


def test_check_config_says_what_a_file_means(invoke: Invoke) -> None:
    result = invoke("check-config", "two_generic")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "two_generic: 2 nodes, 1 link, os qnodeos: correct",
        "  set    alice, bob: generic_squidasm_default, num_qubits 5",
        "  set    alice-bob: werner_example",
        "  noise  alice, bob: T1 10 s, T2 1 s, two_qubit_gate_depolarise 0.01",
        "  noise  alice-bob: pairs of fidelity 0.95, one in 100 us on average",
    ]


def test_sets_are_listed_with_what_they_are(invoke: Invoke) -> None:
    lines = invoke("sets").stdout.splitlines()
    assert lines[0].split() == ["set", "of", "a", "kind", "about"]
    assert [line.split()[0] for line in lines[1:]] == [*shipped_sets("device"), *shipped_sets("link")]
    assert lines[1].split()[1:3] == ["device", "generic"]


def test_a_set_is_shown_with_every_value_and_its_source(invoke: Invoke) -> None:
    lines = invoke("sets", "metropolitan_200_km").stdout.splitlines()
    assert lines[0] == "set      metropolitan_200_km, a link of kind depolarise"
    assert lines[1].startswith("about    Trapped ions 200 km apart; a classical message takes 3_107_000 ns")
    rows = [line.split(maxsplit=2) for line in lines[3:]]
    assert [row[0] for row in rows] == [
        "fidelity",
        "success_probability",
        "cycle_ns",
        "random_bell_state",
        "bell_states",
    ]
    assert rows[0][1] == "0.95"
    assert rows[0][2].rstrip() == "qoala-bench, benchmark/bqc/trapped-ions_200.json"
    assert rows[2][1] == "25_226_185.94"  # every digit


def test_a_set_of_ones_own_is_shown_with_the_defaults_it_leaves(invoke: Invoke) -> None:
    Path("ours.yaml").write_text("about: x\nkind: generic\nparameters: {num_qubits: 7}\n")
    lines = invoke("sets", "./ours.yaml").stdout.splitlines()
    assert lines[0] == "set      ./ours.yaml, a device of kind generic"
    assert lines[3].split() == ["num_qubits", "7"]
    assert lines[4].split(maxsplit=2)[:2] == ["t1_ns", "1e+10"]
    assert "(default of the kind)" in lines[4]
    unknown = invoke("sets", "generic_squid")
    assert unknown.exit_code == 1
    assert unknown.stderr.startswith(
        "Error: 'generic_squid' is no parameter set of a device or a link; did you mean generic_squid"
    )


def test_check_config_goes_on_after_a_wrong_file(invoke: Invoke) -> None:
    result = invoke("check-config", "nowhere.yaml", "perfect")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: nowhere.yaml: no such file; shipped networks are complete4, ")
    assert result.stdout.startswith("perfect: 2 nodes, 1 link, os ideal: correct")


TEXT = "# NETQASM 0.10\n# APPID 3\nset Q0 0\nqalloc Q0\ninit Q0\nh Q0\nmeas Q0 M0\nret_reg M0\n"


def test_assembled_text_disassembles_to_the_same_text(invoke: Invoke) -> None:
    digits = invoke("asm", "-", stdin=TEXT)
    assert digits.exit_code == 0, digits.stderr
    assert bytes.fromhex(digits.stdout) == assemble(TEXT).encode()
    assert invoke("disasm", "--hex", digits.stdout.strip()).stdout == TEXT
    assert invoke("disasm", "-", stdin=digits.stdout).stdout == TEXT


def test_raw_bytes_go_to_a_file_and_back(invoke: Invoke) -> None:
    Path("a.nqasm").write_text(TEXT)
    made = invoke("asm", "a.nqasm", "--out", "a.bin")
    assert (made.exit_code, made.stdout) == (0, "")
    assert "6 instructions, 46 bytes" in made.stderr
    assert invoke("disasm", "a.bin").stdout == TEXT


def test_templates_get_their_values(invoke: Invoke) -> None:
    text = "# NETQASM 0.10\n# APPID 0\nset R0 {n}\n"
    filled = invoke("asm", "-", "--value", "n=0x10", stdin=text)
    assert filled.exit_code == 0, filled.stderr
    assert invoke("disasm", "--hex", filled.stdout.strip()).stdout.endswith("set R0 16\n")
    missing = invoke("asm", "-", stdin=f"{text}set R1 {{n}} // {{n}} again\n").stderr
    assert missing == "Error: -: line 3, column 8: {n} has no value; give one: --value n=INT\n"
    assert invoke("asm", "-", "--value", "n", stdin=text).exit_code == 2


def test_flavour_decides_what_an_instruction_is(invoke: Invoke) -> None:
    text = "# NETQASM 0.10\n# APPID 0\ncrot_x Q0 Q1 8 4\n"
    assert invoke("asm", "-", "--flavour", "nv", stdin=text).exit_code == 0
    assert invoke("asm", "-", stdin=text).exit_code == 1
    assert invoke("asm", "-", "--flavour", "none", stdin=text).exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "stdin", "status", "message"),
    [
        (["asm", "-"], "# NETQASM 0.10\n# APPID 0\nhadamard Q0\n", 1, "Error: -: line 3"),
        (["asm", "no.nqasm"], None, 1, "Error: no.nqasm: cannot be read: No such file or directory"),
        (["asm", "-"], b"\xff\xfe", 1, "Error: -: is not UTF-8 text"),
        (["disasm", "--hex", "0"], None, 1, "Error: these are no hexadecimal bytes"),
        (["disasm", "--hex", "00"], None, 1, "Error: bytes: 1 bytes, the header alone has 4"),
        (["disasm"], None, 2, "give either FILE or --hex DIGITS"),
    ],
)
def test_bad_assembly_is_one_message(
    invoke: Invoke, arguments: list[str], stdin: str | bytes | None, status: int, message: str
) -> None:
    result = invoke(*arguments, stdin=stdin)
    assert result.exit_code == status
    assert message in result.stderr


def test_errors_of_ours_are_never_tracebacks(invoke: Invoke, simulated: Simulated) -> None:
    simulated.raises = ConfigError("alice has no input 'phi'; allowed: theta")
    result = invoke("run", "teleport", "--set", "alice.phi=1")
    assert (result.exit_code, result.stderr) == (1, "Error: alice has no input 'phi'; allowed: theta\n")


def test_a_result_that_cannot_be_saved_is_shown_all_the_same(invoke: Invoke, simulated: Simulated) -> None:
    Path("taken").write_text("a file")
    result = invoke("run", "teleport", "--shots", "4", "--out", "taken/here")
    assert result.exit_code == 1
    assert "alice.m" in result.stdout
    assert "saved" not in result.stdout
    assert result.stderr == "Error: taken/here: results cannot be saved: Not a directory\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_trace_on_a_full_disk_costs_no_result(invoke: Invoke) -> None:
    result = invoke("run", "ping", "--shots", "3", "--trace", "/dev/full")
    assert result.exit_code == 1
    assert result.stdout.splitlines()[-1] == "saved    qnos-results/ping-two_generic-0-1.json"
    assert result.stderr == "Error: trace: cannot be written: No space left on device\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("arguments", [["check-config", "perfect"], ["networks"], ["--help"]])
def test_output_on_a_full_disk_is_one_message(arguments: list[str], unbuffered: str) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "qnos", *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
            cwd=ROOT,
            check=False,
        )
    assert (done.returncode, done.stderr) == (
        1,
        "Error: output cannot be written: No space left on device\n",
    )


def test_what_the_system_refuses_is_one_message(invoke: Invoke, simulated: Simulated) -> None:
    simulated.raises = PermissionError(13, "Permission denied", "somewhere/else")
    result = invoke("run", "teleport")
    assert (result.exit_code, result.stderr) == (1, "Error: somewhere/else: Permission denied\n")


def test_a_table_that_cannot_be_written_is_shown_all_the_same(invoke: Invoke, simulated: Simulated) -> None:
    for name in ("no/t.csv", "no/t.parquet"):
        result = invoke("sweep", "teleport", "--vary", "os=ideal,qnodeos", "--shots", "2", "--out", name)
        assert result.exit_code == 1
        assert "qnodeos" in result.stdout
        assert result.stderr.startswith(f"Error: {name}: cannot be written: ")


def test_bytes_that_cannot_be_written_are_one_message(invoke: Invoke) -> None:
    result = invoke("asm", "-", "--out", "no/a.bin", stdin=TEXT)
    assert (result.exit_code, result.stderr) == (
        1,
        "Error: no/a.bin: cannot be written: No such file or directory\n",
    )
