"""Hamiltonian dynamics: phase points, the metric, the leapfrog, and NUTS's tree.

Momenta are *whitened*: with the inverse mass L Lᵀ (the covariance of the target, as far as it is
known) the momentum of x = L⁻¹ z is standard normal, its energy half its square and its velocity
itself. So the metric is met in two places only: a velocity is pushed forward to a change of z, and
a gradient pulled back to a change of momentum. U-turns, energies and the draw of a momentum do
not know it.

The tree is built without recursion (Phan & Pradhan 2019; Lao & Dillon 2019): a subtree of
2^depth leaves is a loop over its leaves, and the U-turn checks that a recursion would make
need only the momenta at `depth` earlier leaves, kept in a small array of checkpoints. So a
whole transition is two nested `while_loop`s with one gradient in the inner one.

Sampling is multinomial with biased progression between subtrees (Betancourt 2017, appendix
A.3), and the U-turn criterion is the generalised one on the summed momentum. Weights are sums of
exp(energy at the start - energy of a leaf), not logarithms of them: one exponential a leaf.
A transition draws all from one key, whose blocks of random bits have numbers: the first are the
momentum's, those from FIRST on its leaves' and doublings'.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import bibun.numpy as bnp
from bibun import lax, random
from bibun.transforms import grad, value_and_grad

DIVERGENCE = 1000.0  # energy error at which a trajectory counts as divergent
LARGEST = 600.0  # of the logarithms of weights: the sum of all of a trajectory's is finite
# Numbers of blocks of random bits: more than parameters are before FIRST, and more than leaves
# before the doublings'.
FIRST, DOUBLINGS = 1 << 29, 1 << 28


class Point(NamedTuple):
    """A point of phase space, with the gradient there in the coordinates of the momentum."""

    z: Any
    r: Any
    slope: Any


class Metric(NamedTuple):
    """The inverse mass matrix L Lᵀ, as L = diag(scale) root.

    `root`: the symmetric square root of the correlation matrix; None where scales are all.
    """

    scale: Any
    root: Any = None

    def push(self, v: Any) -> Any:
        """L v: a velocity as a change of z."""
        return self.scale * (v if self.root is None else bnp.dot(v, self.root))

    def pull(self, g: Any) -> Any:
        """Lᵀ g: a gradient with respect to z as one with respect to L⁻¹ z."""
        g = self.scale * g
        return g if self.root is None else bnp.dot(g, self.root)

    @property
    def inverse_mass(self) -> Any:
        """A vector of variances, or a covariance matrix."""
        if self.root is None:
            return self.scale**2
        half = self.scale[:, None] * self.root
        return bnp.dot(half, half.T)


class GivenKinetic:
    """A metric whose kinetic energy is a function of (inverse mass matrix, momentum of z)."""

    def __init__(self, metric: Metric, kinetic_fn: Callable[[Any, Any], Any]) -> None:
        self.push, self.pull = metric.push, metric.pull
        self.inverse_mass = metric.inverse_mass
        self.kinetic_fn = kinetic_fn
        self.scale = metric.scale
        self.inverse_root = None if metric.root is None else bnp.linalg.inv(metric.root)

    def momentum(self, r: Any) -> Any:
        """L⁻ᵀ r."""
        return (r if self.inverse_root is None else bnp.dot(r, self.inverse_root)) / self.scale


def velocity(metric: Metric | GivenKinetic, r: Any) -> Any:
    return grad(lambda r: kinetic(metric, r))(r) if isinstance(metric, GivenKinetic) else r


def kinetic(metric: Metric | GivenKinetic, r: Any) -> Any:
    if isinstance(metric, GivenKinetic):
        return metric.kinetic_fn(metric.inverse_mass, metric.momentum(r))
    return 0.5 * bnp.dot(r, r)


def launch(metric: Metric | GivenKinetic, z: Any, grad: Any, key: Any) -> Point:
    """A point at `z` with a new momentum."""
    return Point(z, random.normal(key, z.shape), metric.pull(grad))


def leapfrog(
    potential: Callable[[Any], Any], metric: Metric | GivenKinetic, step: Any, p: Point
) -> tuple[Point, Any, Any]:
    """One leapfrog step (Verlet); `step` may be negative. The new point, potential and gradient."""
    half = p.r - 0.5 * step * p.slope
    z = p.z + step * metric.push(velocity(metric, half))
    value, grad = value_and_grad(potential)(z)
    slope = metric.pull(grad)
    return Point(z, half - 0.5 * step * slope, slope), value, grad


def is_turning(metric: Metric | GivenKinetic, r_left: Any, r_right: Any, r_sum: Any) -> Any:
    """Whether the trajectory between two momenta has begun to turn back."""
    v = velocity(metric, r_sum - 0.5 * (r_left + r_right))
    return (bnp.dot(r_left, v) <= 0.0) | (bnp.dot(r_right, v) <= 0.0)


def words(key: Any, k: Any) -> Any:
    """The k-th block of random bits after the momentum's, as two 32-bit words."""
    return bnp.asarray(random.key_data(random.fold_in(key, FIRST + k)))


def unit(words: Any) -> Any:
    """A number in [0, 1) from two words; the lowest bit of the second has no part in it."""
    w = bnp.asarray(words >> bnp.array([0, 1], dtype=bnp.uint32), dtype=float)
    return w[0] * 2.0**-32 + w[1] * 2.0**-63


class Proposal(NamedTuple):
    """What a transition may end at."""

    z: Any
    grad: Any
    potential: Any
    energy: Any


class Tree(NamedTuple):
    """A trajectory: its ends, the proposal drawn from it, and its statistics."""

    left: Point
    right: Point
    proposal: Proposal
    weight: Any
    r_sum: Any
    turning: Any
    diverging: Any
    sum_accept: Any
    num_leaves: Any
    depth: Any


def _row(rows: Any, k: Any) -> Any:
    """`rows[k]`, for an index that is in range by construction."""
    return rows.at[k].get(mode="promise_in_bounds")


class _Subtree(NamedTuple):
    """A subtree under construction; `last` is its newest leaf."""

    last: Point
    proposal: Proposal
    weight: Any
    r_sum: Any
    turning: Any
    diverging: Any
    sum_accept: Any
    leaves: Any
    r_checkpoints: Any  # the last row of both is for what nobody reads
    sum_checkpoints: Any


def _checkpoint_range(leaf: Any) -> tuple[Any, Any]:
    """First and last checkpoint to compare an odd leaf with; the last is where even ones save."""
    last = lax.population_count(leaf >> 1)
    trailing = lax.population_count((leaf ^ (leaf + 1)) >> 1)  # ones at the end of `leaf`
    return last - trailing + 1, last


_Tuple = TypeVar("_Tuple", Point, Proposal)


def choose(cond: Any, a: _Tuple, b: _Tuple) -> _Tuple:
    """`a` where `cond`, else `b`."""
    return type(a)(*(bnp.where(cond, x, y) for x, y in zip(a, b, strict=True)))


def _grow_subtree(
    potential: Callable[[Any], Any],
    metric: Metric | GivenKinetic,
    step: Any,
    start: Point,
    energy0: Any,
    depth: Any,
    max_depth: Any,
    key: Any,
) -> _Subtree:
    """2^depth further leaves from `start`, or as many as it takes to turn or diverge."""
    dimension = start.z.shape[0]
    count = bnp.left_shift(bnp.asarray(1), depth)
    zero, zeros = bnp.zeros(()), bnp.zeros(dimension)
    rows = bnp.zeros((max(max_depth, 1) + 1, dimension))
    empty = _Subtree(
        start, Proposal(zeros, zeros, zero, zero), zero, zeros,
        bnp.asarray(False), bnp.asarray(False), zero, bnp.asarray(0), rows, rows,
    )  # fmt: skip

    def go_on(t: _Subtree) -> Any:
        return (t.leaves < count) & ~t.turning & ~t.diverging

    def add_leaf(t: _Subtree) -> _Subtree:
        p, value, grad = leapfrog(potential, metric, step, t.last)
        energy = value + kinetic(metric, p.r)
        error = energy - energy0
        error = bnp.where(bnp.isnan(error), bnp.inf, error)
        own = bnp.exp(bnp.minimum(-error, LARGEST))
        weight = t.weight + own
        r_sum = t.r_sum + p.r
        leaf = t.leaves
        take = unit(words(key, count + leaf)) * weight < own  # numbers from 1 on
        first, last = _checkpoint_range(leaf)
        even = (leaf & 1) == 0
        at = bnp.where(even, last, rows.shape[0] - 1)
        r_checkpoints = t.r_checkpoints.at[at].set(p.r, mode="promise_in_bounds")
        sum_checkpoints = t.sum_checkpoints.at[at].set(r_sum, mode="promise_in_bounds")

        def not_turning(s: tuple[Any, Any]) -> Any:
            k, turning = s
            return (k >= first) & ~turning

        def check(s: tuple[Any, Any]) -> tuple[Any, Any]:
            k, _ = s
            r_left = _row(r_checkpoints, k)
            between = r_sum - _row(sum_checkpoints, k) + r_left
            return k - 1, is_turning(metric, r_left, p.r, between)

        _, turning = lax.while_loop(
            not_turning, check, (bnp.where(even, first - 1, last), bnp.asarray(False))
        )
        return _Subtree(
            p,
            choose(take, Proposal(p.z, grad, value, energy), t.proposal),
            weight,
            r_sum,
            turning,
            error > DIVERGENCE,
            t.sum_accept + bnp.minimum(1.0, own),
            leaf + 1,
            r_checkpoints,
            sum_checkpoints,
        )

    return lax.while_loop(go_on, add_leaf, empty)


def build_tree(
    potential: Callable[[Any], Any],
    metric: Metric | GivenKinetic,
    step: Any,
    start: Point,
    begin: Any,
    value: Any,
    key: Any,
    max_depth: Any,
    limit: Any = None,
) -> Tree:
    """Double the trajectory until it turns, diverges or has 2^max_depth leaves.

    `begin`, `value`: gradient and potential at `start`. `limit`: a traced depth of at most
    `max_depth`, to stop at earlier. From an infinite potential there is one step.
    """
    limit = max_depth if limit is None else limit
    energy0 = value + kinetic(metric, start.r)
    initial = Tree(
        start, start, Proposal(start.z, begin, value, energy0), bnp.ones(()), start.r,
        bnp.asarray(False), bnp.asarray(False), bnp.zeros(()), bnp.asarray(0), bnp.asarray(0),
    )  # fmt: skip

    def go_on(t: Tree) -> Any:
        return (t.depth < limit) & ~t.turning & ~t.diverging

    def double(t: Tree) -> Tree:
        bits = words(key, DOUBLINGS + t.depth)
        forward = (bits[1] & 1) == 1
        signed = bnp.where(forward, step, -step)
        edge = choose(forward, t.right, t.left)
        sub = _grow_subtree(potential, metric, signed, edge, energy0, t.depth, max_depth, key)
        bad = sub.turning | sub.diverging
        take = ~bad & (unit(bits) * t.weight < sub.weight)
        left = choose(forward, t.left, sub.last)
        right = choose(forward, sub.last, t.right)
        r_sum = t.r_sum + sub.r_sum
        turning = sub.turning | is_turning(metric, left.r, right.r, r_sum)
        return Tree(
            left,
            right,
            choose(take, sub.proposal, t.proposal),
            t.weight + sub.weight,
            r_sum,
            turning | bnp.isinf(energy0),
            sub.diverging,
            t.sum_accept + sub.sum_accept,
            t.num_leaves + sub.leaves,
            t.depth + 1,
        )

    return lax.while_loop(go_on, double, initial)
