"""`debug_nans` under vmap: lanes that are switched off may have nan, the others may not."""

from __future__ import annotations

import numpy as np
import pytest

import bibun
import bibun.numpy as bnp
from bibun import lax
from bibun.config import config
from bibun.errors import NonFiniteError

WAYS = pytest.mark.parametrize("way", [lambda f: f, bibun.jit], ids=["eager", "jit"])


@pytest.fixture(autouse=True)
def debug_nans():
    with config.using(debug_nans=True):
        yield


def branch(x):
    return lax.cond(x > 0, lambda: bnp.log(x), lambda: x * 0)


def nested(x):
    def inside():
        def body(c, k):
            return c + bnp.sqrt(x - k), bnp.log(x)

        return lax.scan(body, 0.0, bnp.array([0.0, -1.0]))[0]

    return lax.cond(x > 0, inside, lambda: x * 0)


def until(x):
    """Square roots while they are real: a lane that is done would make nan of the next."""

    def body(c):
        return c[0] - 1, bnp.sqrt(c[0]) + c[1]

    return lax.while_loop(lambda c: c[0] > 0, body, (x, 0.0))[1]


def count(x):
    n = bnp.clip(x, 0, 5).astype(int)
    return lax.fori_loop(0, n, lambda i, c: c + bnp.sqrt(x - i), 0.0)


def twice(x):
    return bibun.vmap(lambda k: branch(x + k))(bnp.array([0.5, -0.5])).sum()


@WAYS
@pytest.mark.parametrize("f", [branch, nested, until, count, twice])
def test_only_active_lanes_are_looked_at(way, f):
    xs = np.array([-3.0, 3.5, 0.75, 2.0])
    want = [float(f(x)) for x in xs]
    np.testing.assert_allclose(way(bibun.vmap(f))(xs), want, rtol=1e-15)
    ones = [float(bibun.grad(f)(x)) for x in xs]
    np.testing.assert_allclose(way(bibun.vmap(bibun.grad(f)))(xs), ones, rtol=1e-14)
    total = way(bibun.grad(lambda x: bibun.vmap(f)(x).sum()))
    np.testing.assert_allclose(total(xs), ones, rtol=1e-14)


@WAYS
def test_an_active_lane_is_an_error_that_names_the_place(way):
    def wrong(x):
        return lax.cond(x < 0, lambda: bnp.log(x), lambda: x)

    with pytest.raises(NonFiniteError, match="log gave nan[\\s\\S]*test_nans_in_lanes"):
        way(bibun.vmap(wrong))(np.array([1.0, -2.0]))

    def grows(x):
        return lax.while_loop(lambda c: c > -2.0, lambda c: bnp.sqrt(c) - 1.0, x)

    with pytest.raises(NonFiniteError, match="sqrt gave nan"):
        way(bibun.vmap(grows))(np.array([-3.0, 1.5]))


def test_switching_it_on_and_off_traces_again():
    f = bibun.jit(bibun.vmap(lambda x: lax.cond(x < 0, lambda: bnp.log(x), lambda: x)))
    xs = np.array([1.0, -2.0])
    for _ in range(2):
        with config.using(debug_nans=False):
            assert np.isnan(np.asarray(f(xs))).tolist() == [False, True]
        with pytest.raises(NonFiniteError):
            f(xs)
