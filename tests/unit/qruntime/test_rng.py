"""Random streams: the published generator, values that never change, and independence of neighbours."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qruntime.rng import Stream, Streams, key, mix, shot_key

WORD = 1 << 64
GOLDEN_RATIO = 0x9E3779B97F4A7C15
words = st.integers(0, WORD - 1)


def reference(state: int) -> Iterator[int]:
    """splitmix64 as its authors give it in C, on machine words."""
    with np.errstate(over="ignore"):
        x = np.uint64(state)
        while True:
            x = x + np.uint64(GOLDEN_RATIO)
            z = x
            z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            yield int(z ^ (z >> np.uint64(31)))


def unmix(y: int) -> int:
    """The inverse of `mix`, step by step from the end."""
    for shift, factor in ((31, 0x94D049BB133111EB), (27, 0xBF58476D1CE4E5B9)):
        y = unshift(y, shift) * pow(factor, -1, WORD) % WORD
    return unshift(y, 30)


def unshift(y: int, shift: int) -> int:
    """The x with x ^ (x >> shift) == y."""
    x = y
    for _ in range(64 // shift):
        x = y ^ (x >> shift)
    return x


def stream_before(bits: int) -> Stream:
    """A stream whose next draw is `bits`."""
    return Stream((unmix(bits) - GOLDEN_RATIO) % WORD)


# -------------------------------------------------------------------------------------- the generator


@pytest.mark.parametrize(
    ("state", "first"),
    [
        (0, [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]),
        (
            1234567,
            [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431],
        ),
    ],
)
def test_bits_are_the_published_values_of_splitmix64(state: int, first: list[int]) -> None:
    stream = Stream(state)
    assert [stream.bits() for _ in first] == first


@pytest.mark.parametrize("state", [0, 1, WORD - 1, GOLDEN_RATIO, 0x0123456789ABCDEF])
def test_bits_follow_the_reference_for_a_thousand_draws(state: int) -> None:
    stream, expected = Stream(state), reference(state)
    assert [stream.bits() for _ in range(1000)] == [next(expected) for _ in range(1000)]


@given(words)
def test_mix_is_a_bijection_of_words(x: int) -> None:
    assert 0 <= mix(x) < WORD
    assert unmix(mix(x)) == x
    assert mix(unmix(x)) == x


@given(words)
def test_uniform_is_the_upper_53_bits_of_the_same_draw(state: int) -> None:
    bits, uniform = Stream(state), Stream(state)
    for _ in range(5):
        assert uniform.uniform() == (bits.bits() >> 11) / 2**53


def test_uniform_reaches_zero_and_stays_below_one() -> None:
    assert stream_before(0).uniform() == 0.0
    assert stream_before(2**11 - 1).uniform() == 0.0
    assert stream_before(WORD - 1).uniform() == 1.0 - 2.0**-53


# ---------------------------------------------------------------------------------------- keys, names


def name_hash(text: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")


@given(st.integers(), st.text(max_size=20))
def test_key_is_a_hash_of_seed_and_name_for_any_int(seed: int, name: str) -> None:
    assert key(seed, name) == name_hash(str(seed).encode() + b"/" + name.encode())


@given(st.integers(), words)
def test_shot_key_is_the_mixed_key_moved_by_the_shot(seed: int, shot: int) -> None:
    assert shot_key(seed, "link", shot) == mix((key(seed, "link") + shot * GOLDEN_RATIO) % WORD)


def test_seed_given_as_another_integer_type_is_the_same_seed() -> None:
    # each name is asked for with the odd type first: a cache must not answer for it
    assert key(True, "first") == name_hash(b"1/first")
    assert key(np.int64(1), "second") == name_hash(b"1/second")
    assert key(1, "first") == name_hash(b"1/first")


@pytest.mark.parametrize(
    ("of", "first"),
    [
        ((0, "alice/device/measure", 0), [0xFA205C775BF1C899, 0x008CAE40092BF7E8]),
        ((7, "alice/device/measure", 0), [0x7A64C5D3BCF39B1E, 0xA97A972B15A0718A]),
        ((7, "alice/device/measure", 1), [0xC05CBB6C98A69844, 0x758AFFBF74DA3988]),
        ((7, "link/0-1/attempts", 17), [0x434B57397AE959C2, 0x93BB9BCA89671C7F]),
        ((-1, "alice/cnpu/program", 1099511627776), [0x057882625B274D7A, 0xDA58B099A78702AE]),
    ],
)
def test_streams_never_change_from_release_to_release(of: tuple[int, str, int], first: list[int]) -> None:
    seed, name, shot = of
    stream = Streams(seed).stream(name, shot)
    assert [stream.bits() for _ in first] == first
    state = (name_hash(f"{seed}/{name}".encode()) + (shot - 1) * GOLDEN_RATIO) % WORD
    expected = reference(next(reference(state)))  # the key is a draw of its own
    assert [next(expected) for _ in first] == first


def test_stream_is_the_same_whoever_asks_and_whatever_was_drawn_elsewhere() -> None:
    streams = Streams(7)
    first = streams.stream("link/0-1/attempts", 3)
    expected = [first.bits() for _ in range(10)]
    other = streams.stream("link/0-1/state", 3)
    again = Streams(7).stream("link/0-1/attempts", 3)
    found = []
    for _ in range(10):
        other.uniform()
        found.append(again.bits())
    assert found == expected


# ----------------------------------------------------------------------------------------- statistics


DRAWS = 20_000


def draws(seed: int, name: str, shot: int) -> np.ndarray:
    stream = Streams(seed).stream(name, shot)
    return np.array([stream.uniform() for _ in range(DRAWS)])


def first_draws(seed: int, name: str) -> np.ndarray:
    """The first draw of each of many shots: what most streams of short shots are used for."""
    streams = Streams(seed)
    return np.array([streams.stream(name, shot).uniform() for shot in range(DRAWS)])


SEQUENCES = {
    "one stream": draws(7, "link/0-1/attempts", 0),
    "the next shot": draws(7, "link/0-1/attempts", 1),
    "a name one digit off": draws(7, "link/0-2/attempts", 0),
    "the next seed": draws(8, "link/0-1/attempts", 0),
    "first draws of all shots": first_draws(7, "link/0-1/attempts"),
    "first draws of all shots, the next seed": first_draws(8, "link/0-1/attempts"),
    "first draws of all shots, another name": first_draws(7, "alice/device/measure"),
}


@pytest.mark.parametrize("name", SEQUENCES)
def test_draws_are_uniform_by_chi_square(name: str) -> None:
    # N = 20,000 draws in 128 bins, seeds 7 and 8: chi-square has mean 127 and sigma sqrt(2 * 127) = 15.9;
    # within 5 sigma on both sides.
    counts, _ = np.histogram(SEQUENCES[name], bins=128, range=(0.0, 1.0))
    expected = DRAWS / 128
    chi_square = float(((counts - expected) ** 2 / expected).sum())
    assert abs(chi_square - 127) < 5 * (2 * 127) ** 0.5


@pytest.mark.parametrize("name", SEQUENCES)
@pytest.mark.parametrize("lag", [1, 2, 3])
def test_draws_do_not_depend_on_those_before(name: str, lag: int) -> None:
    # N = 20,000, seeds 7 and 8: the correlation of independent draws has sigma 1 / sqrt(N); 5 sigma.
    sequence = SEQUENCES[name]
    assert abs(np.corrcoef(sequence[lag:], sequence[:-lag])[0, 1]) < 5 / DRAWS**0.5


@pytest.mark.parametrize("left", SEQUENCES)
@pytest.mark.parametrize("right", SEQUENCES)
def test_neighbouring_streams_are_uncorrelated(left: str, right: str) -> None:
    # N = 20,000, seeds 7 and 8, sigma 1 / sqrt(N), tolerance 5 sigma; a stream with itself is the control.
    correlation = np.corrcoef(SEQUENCES[left], SEQUENCES[right])[0, 1]
    if left == right:
        assert correlation == pytest.approx(1.0)
    else:
        assert abs(correlation) < 5 / DRAWS**0.5


def test_every_bit_of_first_draws_is_fair() -> None:
    # N = 20,000 shots, seed 7: each of 64 bits is one in half of them, sigma 0.5 / sqrt(N); 5 sigma.
    streams = Streams(7)
    ones = np.zeros(64)
    for shot in range(DRAWS):
        bits = streams.stream("alice/device/readout", shot).bits()
        ones += np.array([int(digit) for digit in f"{bits:064b}"])
    assert np.abs(ones / DRAWS - 0.5).max() < 5 * 0.5 / DRAWS**0.5
