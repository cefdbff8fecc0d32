"""Addresses and keys in a network file: what is allowed, and where the error points."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from qnos.cli import main
from qnos.loading import load_network, with_values
from qruntime.addresses import address_fault, is_loopback, split_holder
from qruntime.errors import ConfigError

KEYS = {
    name: f"curve:{number:064x}" for number, name in enumerate(("world", "alice", "bob", "olga"), start=1)
}
FILE = """\
os: ideal
nodes:
  - name: alice
    device: {kind: generic}
  - name: bob
    device: {kind: generic}
"""


def written(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "net.yaml"
    path.write_text(FILE + "\n".join(lines) + "\n")
    return path


def with_keys(**changes: str) -> list[str]:
    return ["keys:", *(f"  {name}: {key}" for name, key in (KEYS | changes).items() if key)]


@pytest.mark.parametrize(
    ("lines", "line", "field", "why"),
    [
        (
            ["addresses:", "  carol/cnpu: tcp://127.0.0.1:1"],
            8,
            "addresses.carol/cnpu",
            "is no process of this",
        ),
        (["addresses:", "  alice: tcp://127.0.0.1:1"], 8, "addresses.alice", "did you mean alice/cnpu"),
        (["addresses:", "  world: localhost:7000"], 8, "addresses.world", "allowed: ipc://PATH and tcp://"),
        (["addresses:", "  world: tcp://127.0.0.1:0"], 8, "addresses.world", "allowed: 1 to 65535"),
        (
            ["addresses:", "  world: tcp://127.0.0.1:*"],
            8,
            "addresses.world",
            "no port that others could know",
        ),
        (["addresses:", "  world: tcp://0.0.0.0:7"], 8, "addresses.world", "every address of this machine"),
        (["addresses:", "  world: ipc://here"], 8, "addresses.world", "has no absolute path"),
        (["addresses:", f"  world: ipc:///{'x' * 107}"], 8, "addresses.world", "a path of 108 bytes"),
        (["addresses:", "  world: tcp://10.0.0.1:7"], 8, "addresses.world", "which other machines can reach"),
        (["addresses:", "  world: tcp://qlab.example:7"], 8, "addresses.world", "insecure_tcp: true"),
        (["addresses: {world: ipc:///w, bob/cnpu: ipc:///w}"], 7, "addresses.bob/cnpu", "each address once"),
        (with_keys(bob=""), 7, "keys", "has no key of bob"),
        (with_keys(bob="curve:12"), 10, "keys.bob", "allowed: curve: and 64 hex digits"),
        (with_keys(bob=KEYS["alice"]), 10, "keys.bob", "is the key of alice as well"),
        (with_keys(bob="[1]"), 10, "keys.bob", "is no public key"),
        ([*with_keys(), f"  ../olga: curve:{9:064x}"], 12, "keys.../olga", "names of letters"),
        (["keys: 7"], 7, "keys", "a directory, or a mapping"),
        (["keys: nowhere"], 7, "keys", "which is no directory"),
        (["insecure_tcp: maybe"], 7, "insecure_tcp", "true or false"),
    ],
)
def test_error_names_line_and_field_and_what_is_allowed(
    tmp_path: Path, lines: list[str], line: int, field: str, why: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_network(written(tmp_path, *lines))
    assert f"net.yaml:{line}: {field} " in caught.value.message
    assert why in caught.value.message
    assert caught.value.data["line"] == line


def test_tcp_to_other_machines_is_allowed_with_keys_or_when_the_file_says_that_it_is_insecure(
    tmp_path: Path,
) -> None:
    addresses = ["addresses:", "  world: tcp://10.0.0.1:7000"]
    with_them = load_network(written(tmp_path, *addresses, *with_keys()))
    assert with_them.keys == KEYS
    assert with_them.addresses == {"world": "tcp://10.0.0.1:7000"}
    without = load_network(written(tmp_path, *addresses, "insecure_tcp: true"))
    assert without.insecure_tcp
    assert load_network(written(tmp_path, *addresses[:1], "  world: tcp://localhost:7000")).keys == {}


def test_what_a_file_says_of_hosts_stays_with_the_network(tmp_path: Path) -> None:
    network = load_network(written(tmp_path, "addresses: {world: 'tcp://10.0.0.1:7000'}", *with_keys()))
    assert load_network(network.to_dict()) == network
    assert with_values(network, {"os": "qnodeos"}).keys == KEYS
    assert "keys" not in load_network("perfect").to_dict()  # a result of one machine says nothing of hosts


def test_keys_may_be_a_directory_beside_the_file(tmp_path: Path) -> None:
    made = CliRunner().invoke(
        main, ["keys", "new", "world", "alice", "bob", "olga", "--directory", str(tmp_path / "public")]
    )
    assert made.exit_code == 0, made.output
    network = load_network(written(tmp_path, "keys: public"))
    listed = dict(line.split(": ") for line in made.output.splitlines())
    assert network.keys == listed
    assert list(listed) == ["world", "alice", "bob", "olga"]
    again = CliRunner().invoke(main, ["keys", "new", "olga", "--directory", str(tmp_path / "public")])
    assert again.exit_code == 1
    assert "never overwritten" in again.output
    refused = CliRunner().invoke(main, ["keys", "new", "../olga", "--directory", str(tmp_path)])
    assert "is no name of a key" in refused.output
    (tmp_path / "public" / "olga.public").write_text("curve:??")
    with pytest.raises(
        ConfigError, match=r"net.yaml:7: keys cannot be used: .*olga.public: is no public key"
    ):
        load_network(written(tmp_path, "keys: public"))


@pytest.mark.parametrize(
    ("address", "here"),
    [
        ("tcp://localhost:1", True),
        ("tcp://127.8.9.1:1", True),
        ("tcp://[::1]:1", True),
        ("tcp://[::ffff:127.0.0.1]:1", True),
        ("tcp://[::ffff:10.0.0.1]:1", False),
        ("tcp://localhost.example.org:1", False),
        ("tcp://127.0.0.1.example.org:1", False),
        ("tcp://10.0.0.1:1", False),
        ("tcp://2130706433:1", False),  # 127.0.0.1 as one number: what is not understood is not trusted
    ],
)
def test_loopback_is_told_from_the_text_alone(address: str, here: bool) -> None:
    assert address_fault(address) == ""
    assert is_loopback(address) is here


def test_holder_of_an_address_is_split_off() -> None:
    assert split_holder("alice@tcp://10.0.0.1:1") == ("alice", "tcp://10.0.0.1:1")
    assert split_holder("tcp://10.0.0.1:1") == ("", "tcp://10.0.0.1:1")
    assert split_holder("ipc:///run/user@host/x") == ("", "ipc:///run/user@host/x")
