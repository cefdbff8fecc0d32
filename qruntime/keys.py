"""CURVE keys: who a process is, whom it believes, and who may speak to it over TCP.

`new_pair(directory, name)` makes a key pair as two files, `read_secret(path)` reads the private one,
`parse_public` and `show_public` are the text of a public key. A `Keyring` is what one process knows: its
own pair, the public keys of all holders in its network, and which of them may connect to it. `Guard` says
how sockets are protected.

A holder is the world, a node (both its processes use the node's key) or an operator: any other name.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from qruntime.errors import ConfigError

KEY_BYTES: Final = 32
PUBLIC_SUFFIX: Final = ".public"
SECRET_SUFFIX: Final = ".secret"
_PUBLIC: Final = "curve:"  # never taken for a number, as the bare digits might be
_SECRET: Final = "curve-secret:"


class KeyPair(msgspec.Struct, frozen=True):
    """A CURVE key pair, 32 bytes each."""

    public: bytes
    secret: bytes

    def __repr__(self) -> str:
        return f"KeyPair({show_public(self.public)})"  # a secret is never shown by accident


class Keyring(msgspec.Struct, frozen=True):
    """What the process of `name` knows: its own pair, the public key of each holder, and the holders that
    may connect to it."""

    name: str
    pair: KeyPair
    public: Mapping[str, bytes]
    callers: Sequence[str]

    def caller_of(self, public: bytes) -> str | None:
        """The holder of this public key, if it may connect here."""
        return next((name for name in self.callers if self.public.get(name) == public), None)


class Guard(msgspec.Struct, frozen=True):
    """How the sockets of a process are protected: TCP by `keyring`, or not at all.

    Without a keyring TCP is for this machine alone, unless `insecure_tcp` says that anybody may listen and
    speak.
    """

    keyring: Keyring | None = None
    insecure_tcp: bool = False


LOCAL: Final = Guard()


def generate() -> KeyPair:
    """A fresh key pair."""
    import zmq  # late: who only reads a network file needs no sockets
    from zmq.utils import z85

    public, secret = zmq.curve_keypair()
    return KeyPair(z85.decode(public), z85.decode(secret))


def pair_of(secret: bytes) -> KeyPair:
    """The pair that a secret key belongs to."""
    import zmq
    from zmq.utils import z85

    return KeyPair(z85.decode(zmq.curve_public(z85.encode(secret))), secret)


def new_pair(directory: Path, name: str) -> tuple[Path, Path]:
    """Make a key pair for `name`: the files NAME.public and NAME.secret, the latter for its owner alone.

    Raises `ConfigError` if either exists already or cannot be written.
    """
    pair = generate()
    public, secret = directory / f"{name}{PUBLIC_SUFFIX}", directory / f"{name}{SECRET_SUFFIX}"
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in (secret, public):
            if path.exists():
                raise ConfigError(f"{path} exists already; a key is never overwritten", file=str(path))
        _write(secret, f"{_SECRET}{pair.secret.hex()}\n", 0o600)
        _write(public, f"{show_public(pair.public)}\n", 0o644)
    except OSError as error:
        raise ConfigError(f"{error.filename}: key cannot be written: {error.strerror}") from None
    return public, secret


def read_secret(path: Path) -> KeyPair:
    """The key pair whose private half is in a file.

    Raises `ConfigError` if there is none, if it is no secret key, or if others than its owner may read it.
    """
    text = _read(path)
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigError(
            f"{path}: others may read this secret key; chmod 600 {path} keeps it private", file=str(path)
        )
    secret = _parse(text, _SECRET)
    if secret is None:
        raise ConfigError(f"{path}: is no secret key; allowed: {_SECRET} and 64 hex digits", file=str(path))
    return pair_of(secret)


def read_public(path: Path) -> bytes:
    """The public key in a file.

    Raises `ConfigError` if there is none.
    """
    try:
        return parse_public(_read(path))
    except ValueError as error:
        raise ConfigError(f"{path}: {error}", file=str(path)) from None


def parse_public(text: str) -> bytes:
    """The public key that `text` writes as `curve:` and 64 hex digits.

    Raises `ValueError` that says what is allowed.
    """
    key = _parse(text, _PUBLIC)
    if key is None:
        raise ValueError(
            f"is no public key; allowed: {_PUBLIC} and 64 hex digits, as in a {PUBLIC_SUFFIX} file"
        )
    return key


def show_public(public: bytes) -> str:
    """A public key as text."""
    return f"{_PUBLIC}{public.hex()}"


def _parse(text: str, prefix: str) -> bytes | None:
    digits = text.strip().removeprefix(prefix)
    if not text.strip().startswith(prefix) or len(digits) != 2 * KEY_BYTES:
        return None
    try:
        return bytes.fromhex(digits)
    except ValueError:
        return None


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        raise ConfigError(
            f"{path}: no such key; qnos keys new {path.stem} makes one", file=str(path)
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not text"
        raise ConfigError(f"{path}: key cannot be read: {reason}", file=str(path)) from None


def _write(path: Path, text: str, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
