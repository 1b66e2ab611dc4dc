"""Hypergeometric functions, Kummer's 1F1 and Gauss's 2F1, with their derivatives of any order.

`orders` says how often the function was differentiated in each parameter; those derivatives are
sums of series (`hypergeometric_series`). In the argument, F' is (a/b) 1F1(a+1, b+1, x) or
(ab/c) 2F1(a+1, b+1; c+1; x), and derivatives of that product in the parameters follow from
Leibniz's rule.
"""

from __future__ import annotations

import functools
import itertools
import math
from typing import Any

import numpy as np

from bibun.ops.elementwise import add, div, mul
from bibun.ops.elementwise.shape_integrals import in_double
from bibun.ops.elementwise.special import scipy_special
from bibun.ops.families.elementwise import grid_samples, host
from bibun.ops.op import Sample


def _unit(count: int, axis: int) -> tuple[int, ...]:
    return tuple(int(k == axis) for k in range(count))


def _hypergeometric(name: str, numerics: str, points: Any, most: int, doc: str) -> Any:
    """The op of a function of parameters (tops …, bottom) and an argument."""
    count = len(points) - 1
    plain = scipy_special(name)

    def evaluate(*args: Any, orders: tuple[int, ...]) -> np.ndarray:
        if not any(orders):
            return plain(*args)
        from bibun.ops.special import hypergeometric_series

        run = getattr(hypergeometric_series, numerics)
        return in_double(lambda *rows: run(*rows, orders))(*args)

    def by_parameter(axis: int) -> Any:
        def partial(*args: Any, orders: tuple[int, ...]) -> Any:
            more = tuple(map(sum, zip(orders, _unit(count, axis), strict=True)))
            return op(*args[:-1], orders=more)

        return partial

    def by_argument(*args: Any, orders: tuple[int, ...]) -> Any:
        """Σ C(orders, p) ∂^p(Π tops/bottom) F^(orders - p) at parameters one larger."""
        *parameters, x, _ = args
        *tops, bottom = parameters
        raised = [add(p, 1.0) for p in parameters]
        total = None
        limits = [min(n, 1) for n in orders[:-1]] + [orders[-1]]
        for p in itertools.product(*(range(n + 1) for n in limits)):
            rest = tuple(n - q for n, q in zip(orders, p, strict=True))
            ways = math.prod(map(math.comb, orders, p))
            term = op(*raised, x, orders=rest)
            for top, q in zip(tops, p, strict=False):
                term = term if q else mul(term, top)
            for _ in range(p[-1] + 1):
                term = div(term, bottom)
            term = mul(float(ways * (-1) ** p[-1] * math.factorial(p[-1])), term)
            total = term if total is None else add(total, term)
        return total

    def samples() -> list[Sample]:
        wanted = (o for o in itertools.product(range(3), repeat=count) if sum(o) <= most)
        return [s for o in wanted for s in grid_samples("f", points, False, orders=o)]

    op = host(
        name,
        evaluate,
        arity=count + 1,
        partials=(*map(by_parameter, range(count)), by_argument),
        samples=functools.cache(samples),
        cost=2000.0,
        doc=doc,
    )
    return op


hyp1f1 = _hypergeometric(
    "hyp1f1", "kummer", ((0.6, 1.5, 3.0, 2.0), (0.8, 2.5, 1.2, 5.0), (0.3, -1.1, 2.0, -6.0)), 2,
    "`hyp1f1(a, b, x, orders)`: Kummer's confluent hypergeometric function 1F1(a, b, x), "
    "differentiated orders[0] times in a and orders[1] times in b.",
)  # fmt: skip
hyp2f1 = _hypergeometric(
    "hyp2f1", "gauss", ((0.6, 1.5), (0.8, 2.5), (1.3, 4.1), (0.3, -1.1)), 1,
    "`hyp2f1(a, b, c, x, orders)`: Gauss's hypergeometric function 2F1(a, b; c; x), "
    "differentiated orders[k] times in the k-th parameter.",
)  # fmt: skip
