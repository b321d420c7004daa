"""How risk factors move together: Student's t copula, fitted by ranks and drawn from counted bits.

Axes: F factors, S scenarios of one block. Nothing here goes through a matrix product of a library
whose sums depend on its threads.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtri, gammaln, ndtri, stdtr, stdtrit

from margin.engine.shapes import Flags, Floats

SMALLEST_EIGENVALUE = 1e-8


@dataclass(frozen=True, slots=True, kw_only=True)
class Copula:
    """
    factor   (F, F) lower triangle whose product with its transpose is the correlation
    freedom  degrees of freedom: the fewer, the more often everything falls at once
    """

    factor: Floats
    freedom: float


def correlation(z: Floats) -> Floats:
    """(F, F) correlation of returns (n, F) by ranks: sin(pi tau / 2), tau being Kendall's.

    True of every elliptical copula whatever the marginals (Lindskog, McNeil and Schmock 2003), and
    no outlier moves it. Pairs tied in a factor count as neither. Estimated pair by pair, the whole
    need not be one that can be: eigenvalues below nothing are lifted, and the diagonal made one.
    """
    count, factors = z.shape
    agreed = np.zeros((factors, factors))
    for day in range(count - 1):
        # Whole numbers, so that no order of summation shows.
        sign = np.sign(z[day + 1 :] - z[day])
        agreed += sign.T @ sign
    tau = agreed / (count * (count - 1) / 2)
    found = np.sin(0.5 * np.pi * tau)
    np.fill_diagonal(found, 1.0)
    values, vectors = np.linalg.eigh(found)
    if values[0] < SMALLEST_EIGENVALUE:
        lifted = (vectors * np.maximum(values, SMALLEST_EIGENVALUE)) @ vectors.T
        size = np.sqrt(np.diag(lifted))
        found = lifted / np.outer(size, size)
    matrix: Floats = found.astype(np.float64)
    return matrix


def fit(z: Floats, *, freedoms: tuple[float, ...]) -> Copula:
    """The copula of returns (n, F); of the degrees of freedom offered, the likeliest."""
    matrix = correlation(z)
    uniform = (z.argsort(axis=0, kind="stable").argsort(axis=0, kind="stable") + 0.5) / len(z)
    best = max(freedoms, key=lambda it: log_likelihood(uniform, correlation=matrix, freedom=it))
    return Copula(factor=np.linalg.cholesky(matrix).astype(np.float64), freedom=best)


def log_likelihood(uniform: Floats, *, correlation: Floats, freedom: float) -> float:
    """Of a t copula, at probabilities (n, F): the joint density over the product of the single."""
    factors = uniform.shape[1]
    x = stdtrit(freedom, uniform)
    half = 0.5 * freedom
    whitened = np.linalg.solve(np.linalg.cholesky(correlation), x.T)
    distance = (whitened**2).sum(axis=0)
    _, determinant = np.linalg.slogdet(correlation)
    constant = (
        gammaln(half + 0.5 * factors)
        + (factors - 1) * gammaln(half)
        - factors * gammaln(half + 0.5)
        - 0.5 * determinant
    )
    joint = -(half + 0.5 * factors) * np.log1p(distance / freedom)
    single = (half + 0.5) * np.log1p(x**2 / freedom).sum(axis=1)
    return float((constant + joint + single).sum())


def draw(copula: Copula, bits: np.random.BitGenerator, *, count: int) -> tuple[Floats, Flags]:
    """Probabilities (F, count) of the smaller side, and whether that is the upper one.

    Takes F + 1 rows of raw bits, one after the other. Raw bits of a named generator are the same
    in every release of numpy; its distributions are not promised to be, so none is used.
    """
    factors = len(copula.factor)
    normal = ndtri(_uniform(bits, factors, count))
    together = np.sqrt(copula.freedom / chdtri(copula.freedom, _uniform(bits, 1, count)))
    t = np.zeros((factors, count))
    for row in range(factors):
        for column in range(row + 1):
            t[row] += copula.factor[row, column] * normal[column]
    t *= together
    smaller: Floats = stdtr(copula.freedom, -np.abs(t)).astype(np.float64)
    return smaller, t > 0.0


def _uniform(bits: np.random.BitGenerator, rows: int, count: int) -> Floats:
    """Strictly between 0 and 1: the middle of one of 2^52 equal parts."""
    raw = np.asarray(bits.random_raw(rows * count), np.uint64).reshape(rows, count)
    uniform: Floats = ((raw >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52
    return uniform
