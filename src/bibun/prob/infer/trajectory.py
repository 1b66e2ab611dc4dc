"""Hamiltonian dynamics: phase points, kinetic energy, the leapfrog, and NUTS's tree.

The tree is built without recursion (Phan & Pradhan 2019; Lao & Dillon 2019): a subtree of
2^depth leaves is a loop over its leaves, and the U-turn checks that a recursion would make
need only the momenta at `depth` earlier leaves, kept in a small array of checkpoints. So a
whole transition is two nested `while_loop`s with one gradient in the inner one.

Sampling is multinomial with biased progression between subtrees (Betancourt 2017, appendix
A.3), and the U-turn criterion is the generalised one on the summed momentum. Weights are sums of
exp(energy at the start - energy of a leaf), not logarithms of them: one exponential a leaf.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import bibun.numpy as bnp
from bibun import lax, random
from bibun.transforms import grad, value_and_grad

DIVERGENCE = 1000.0  # energy error at which a trajectory counts as divergent
LARGEST = 600.0  # of the logarithms of weights: the sum of all of a trajectory's is finite


class Point(NamedTuple):
    """A point of phase space, with what is known there."""

    z: Any
    r: Any
    grad: Any


class Metric(NamedTuple):
    """The mass matrix: a vector of variances, or a covariance and its Cholesky factor.

    `inverse_mass` is the (co)variance of the target; momenta have its inverse as covariance.
    `root`: 1/sqrt of the variances, or the inverse transpose of the Cholesky factor.
    """

    inverse_mass: Any
    root: Any


class GivenKinetic(NamedTuple):
    """A metric whose kinetic energy is computed by a function of (inverse mass, momentum)."""

    inverse_mass: Any
    root: Any
    kinetic_fn: Callable[[Any, Any], Any]


def velocity(metric: Metric | GivenKinetic, r: Any) -> Any:
    if isinstance(metric, GivenKinetic):
        return grad(lambda r: kinetic(metric, r))(r)
    m = metric.inverse_mass
    return m * r if len(m.shape) == 1 else bnp.dot(m, r)


def kinetic(metric: Metric | GivenKinetic, r: Any) -> Any:
    if isinstance(metric, GivenKinetic):
        return metric.kinetic_fn(metric.inverse_mass, r)
    return 0.5 * bnp.dot(r, velocity(metric, r))


def draw_momentum(key: Any, metric: Metric | GivenKinetic, dimension: int) -> Any:
    eps = random.normal(key, (dimension,))
    root = metric.root
    return root * eps if len(root.shape) == 1 else bnp.dot(root, eps)


def leapfrog(
    potential: Callable[[Any], Any], metric: Metric | GivenKinetic, step: Any, p: Point
) -> tuple[Point, Any]:
    """One leapfrog step (Verlet); `step` may be negative. The new point and its potential."""
    half = p.r - 0.5 * step * p.grad
    z = p.z + step * velocity(metric, half)
    value, grad = value_and_grad(potential)(z)
    return Point(z, half - 0.5 * step * grad, grad), value


def is_turning(metric: Metric | GivenKinetic, r_left: Any, r_right: Any, r_sum: Any) -> Any:
    """Whether the trajectory between two momenta has begun to turn back."""
    middle = r_sum - 0.5 * (r_left + r_right)
    v = velocity(metric, middle)
    return (bnp.dot(r_left, v) <= 0.0) | (bnp.dot(r_right, v) <= 0.0)


class Tree(NamedTuple):
    """A trajectory: its ends, the proposal drawn from it, and its statistics."""

    left: Point
    right: Point
    proposal: Point
    potential: Any  # of the proposal
    energy: Any  # of the proposal
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
    proposal_z: Any
    proposal_grad: Any
    potential: Any
    energy: Any
    weight: Any
    r_sum: Any
    turning: Any
    diverging: Any
    sum_accept: Any
    leaves: Any
    r_checkpoints: Any
    sum_checkpoints: Any


def _unit(key: Any, k: Any) -> Any:
    """A number in [0, 1] for the k-th use of a key: the words of the key `fold_in` makes."""
    words = bnp.asarray(random.key_data(random.fold_in(key, k)), dtype=float)
    return words[0] * 2.0**-32 + words[1] * 2.0**-64


def _checkpoint_range(leaf: Any) -> tuple[Any, Any]:
    """First and last checkpoint to compare an odd leaf with; the last is where even ones save."""
    last = lax.population_count(leaf >> 1)
    trailing = lax.population_count((leaf ^ (leaf + 1)) >> 1)  # ones at the end of `leaf`
    return last - trailing + 1, last


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
    zeros = bnp.zeros(dimension)
    rows = bnp.zeros((max(max_depth, 1), dimension))
    empty = _Subtree(
        start, zeros, zeros, bnp.zeros(()), bnp.zeros(()), bnp.zeros(()), zeros,
        bnp.asarray(False), bnp.asarray(False), bnp.zeros(()), bnp.asarray(0), rows, rows,
    )  # fmt: skip

    def go_on(t: _Subtree) -> Any:
        return (t.leaves < count) & ~t.turning & ~t.diverging

    def add_leaf(t: _Subtree) -> _Subtree:
        p, value = leapfrog(potential, metric, step, t.last)
        energy = value + kinetic(metric, p.r)
        error = energy - energy0
        error = bnp.where(bnp.isnan(error), bnp.inf, error)
        own = bnp.exp(bnp.minimum(-error, LARGEST))
        weight = t.weight + own
        r_sum = t.r_sum + p.r
        leaf = t.leaves
        take = _unit(key, leaf) * weight < own
        first, last = _checkpoint_range(leaf)
        even = (leaf & 1) == 0
        at = bnp.where(even, last, 0)
        keep_r = bnp.where(even, p.r, _row(t.r_checkpoints, at))
        keep_sum = bnp.where(even, r_sum, _row(t.sum_checkpoints, at))
        r_checkpoints = t.r_checkpoints.at[at].set(keep_r, mode="promise_in_bounds")
        sum_checkpoints = t.sum_checkpoints.at[at].set(keep_sum, mode="promise_in_bounds")

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
            bnp.where(take, p.z, t.proposal_z),
            bnp.where(take, p.grad, t.proposal_grad),
            bnp.where(take, value, t.potential),
            bnp.where(take, energy, t.energy),
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


def _choose(cond: Any, a: Point, b: Point) -> Point:
    return Point(*(bnp.where(cond, x, y) for x, y in zip(a, b, strict=True)))


def build_tree(
    potential: Callable[[Any], Any],
    metric: Metric | GivenKinetic,
    step: Any,
    start: Point,
    value: Any,
    key: Any,
    max_depth: Any,
    limit: Any = None,
) -> Tree:
    """Double the trajectory until it turns, diverges or has 2^max_depth leaves.

    `limit`: a traced depth of at most `max_depth`, to stop at earlier.
    """
    limit = max_depth if limit is None else limit
    energy0 = value + kinetic(metric, start.r)
    zero = bnp.zeros(())
    initial = Tree(
        start, start, start, value, energy0, bnp.ones(()), start.r, bnp.asarray(False),
        bnp.asarray(False), zero, bnp.asarray(0), bnp.asarray(0),
    )  # fmt: skip

    def go_on(state: tuple[Tree, Any]) -> Any:
        t, _ = state
        return (t.depth < limit) & ~t.turning & ~t.diverging

    def double(state: tuple[Tree, Any]) -> tuple[Tree, Any]:
        t, key = state
        keys = random.split(key, 4)
        forward = random.bernoulli(keys[1])
        signed = bnp.where(forward, step, -step)
        edge = _choose(forward, t.right, t.left)
        sub = _grow_subtree(
            potential, metric, signed, edge, energy0, t.depth, max_depth, keys[2]
        )
        bad = sub.turning | sub.diverging
        take = ~bad & (random.uniform(keys[3]) * t.weight < sub.weight)
        left = _choose(forward, t.left, sub.last)
        right = _choose(forward, sub.last, t.right)
        r_sum = t.r_sum + sub.r_sum
        return (
            Tree(
                left,
                right,
                Point(
                    bnp.where(take, sub.proposal_z, t.proposal.z),
                    t.proposal.r,
                    bnp.where(take, sub.proposal_grad, t.proposal.grad),
                ),
                bnp.where(take, sub.potential, t.potential),
                bnp.where(take, sub.energy, t.energy),
                t.weight + sub.weight,
                r_sum,
                sub.turning | is_turning(metric, left.r, right.r, r_sum),
                sub.diverging,
                t.sum_accept + sub.sum_accept,
                t.num_leaves + sub.leaves,
                t.depth + 1,
            ),
            keys[0],
        )

    tree, _ = lax.while_loop(go_on, double, (initial, key))
    return tree
