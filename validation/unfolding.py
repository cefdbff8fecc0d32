"""The correction of readout errors that the analyses of experiments on NV centres use: `qnos.unfolding`.

Counts are unfolded with the fidelities F0 = 0.95 and F1 = 0.995 of one qubit, or those and 0.93 and 0.99 of
two. The probabilities and the numbers of steps were computed from the published algorithm apart from this
project; where the inverse R^-1 m of the response is no distribution, unfolding gives another answer, which
is what it is for. The uncertainty is that of the published analysis, from calibration counts (9500, 500)
and (50, 9950); it is smaller than the spread of repeated experiments, 0.0164 for these counts. `shots` are
the draws it is made of."""

from __future__ import annotations

import math

import numpy as np

from qnos.unfolding import covariance, response, unfold
from validation.row import Row

SHOTS = 250_000
QUICK = 50_000
SEED = 1

ONE = response([(0.95, 0.995)])
TWO = response([(0.95, 0.995), (0.93, 0.99)])
MIXED = (480, 110, 130, 480)
FEW = (3, 5, 40, 1152)
VECTORS = [
    ((600, 400), ONE, (0.62962956, 0.37037044), 7),
    ((900, 300), ONE, (0.78835970, 0.21164030), 9),
    ((50, 1150), ONE, (0.03880081, 0.96119919), 8),
    ((1200, 0), ONE, (1.0, 0.0), 4),
    ((20, 1180), ONE, (0.01234592, 0.98765408), 11),
    ((1000, 200), ONE, (0.87654301, 0.12345699), 11),
    (MIXED, TWO, (0.45156551, 0.06342563, 0.09010065, 0.39490821), 14),
    (FEW, TWO, (0.00260546, 0.0000085, 0.02544280, 0.97194324), 29),
]


def rows(shots: int) -> list[Row]:
    """Probabilities and steps of all vectors, the limit of many steps, the uncertainty."""
    found = []
    for counts, matrix, probabilities, steps in VECTORS:
        ours = unfold(counts, matrix)
        what = ", ".join(map(str, counts))
        p = tuple(ours.probabilities.tolist())
        found.append(Row(what=f"{what}: p", published=probabilities, ours=p, tolerance=1e-7, derived=True))
        found.append(Row(what=f"{what}: steps", published=steps, ours=ours.steps, derived=True))
    return [*found, *limits(), uncertainty(shots)]


def limits() -> list[Row]:
    """Where unfolding ends if it may go on, and where the inverse leads."""
    inverse = tuple((np.linalg.solve(TWO, MIXED) / sum(MIXED)).tolist())
    far = unfold(MIXED, TWO, tolerance=0)
    negative = float(np.linalg.solve(TWO, FEW)[1] / sum(FEW))
    what = ", ".join(map(str, MIXED))
    return [
        Row(
            what=f"{what}: p with tolerance 0, beside R^-1 m",
            published=inverse,
            ours=tuple(far.probabilities.tolist()),
            tolerance=1e-10,
            derived=True,
        ),
        Row(what=f"{what}: steps with tolerance 0", published=1001, ours=far.steps, derived=True),
        Row(
            what=f"{', '.join(map(str, FEW))}: second entry of R^-1 m",
            published=-0.00088663,
            ours=negative,
            tolerance=1e-8,
            derived=True,
        ),
    ]


def uncertainty(draws: int) -> Row:
    """Of the first vector."""
    counts = VECTORS[0][0]
    p = unfold(counts, ONE).probabilities
    rng = np.random.default_rng(SEED)
    variance = covariance(counts, [((9500, 500), (50, 9950))], p, rng, draws)[0, 0]
    return Row(
        what="600, 400: uncertainty of p",
        published=0.0143,
        ours=math.sqrt(variance),
        tolerance=1e-4 + 3 * math.sqrt(variance / (2 * draws)),  # its last digit, and our sampling error
        derived=True,
    )
