# ruff: noqa: E501  (one mistake a line)
"""Bad input gets one clear error: what was given, where in the user's code, what to do.

Each mistake is made eagerly and inside `jit`. A row has the function, its arguments, the error,
and what its message must say. "Where" holds if the message names the line, or if the innermost
frame of the traceback outside bibun is that line.
"""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import bibun
import bibun.numpy as jnp
from bibun import grad, jit, lax, tree, vmap

X = np.arange(3.0)
Row = tuple[Callable[..., Any], tuple[Any, ...], type[Exception], str]

# fmt: off
MISTAKES: dict[str, Row] = {
    # a float where an index belongs
    "float index": (lambda a: a[1.0], (X,), TypeError, r"index must be an integer[\s\S]*float: '1.0'"),
    "float array as index": (lambda a, i: a[i], (X, np.array([0.0])), TypeError, r"integers or booleans[\s\S]*float64[\s\S]*astype\(int\)"),
    "float index of at": (lambda a: a.at[1.5].set(2.0), (X,), TypeError, r"integer[\s\S]*float: '1.5'"),
    "float index of take": (lambda a: jnp.take(a, 1.0), (X,), TypeError, r"take: indices must be integers[\s\S]*float64"),
    "float start of a slice": (lambda a: lax.dynamic_slice(a, (1.0,), (2,)), (X,), TypeError, r"starts must be integers"),
    "float bound of fori_loop": (lambda a: lax.fori_loop(0.5, 3, lambda i, c: c, a), (X,), TypeError, r"lower must be an integer"),
    "float index of switch": (lambda k: lax.switch(k, [lambda: 1.0, lambda: 2.0]), (1.0,), TypeError, r"index must be an integer scalar"),
    # trees that do not match
    "trees of other keys": (lambda a, b: tree.map(lambda p, q: p + q, a, b), ({"a": 1.0}, {"b": 2.0}), ValueError, r"keys are \['a'\][\s\S]*\['b'\]"),
    "trees of other lengths": (lambda a, b: tree.map(lambda p, q: p + q, a, b), ({"w": [1.0, 2.0]}, {"w": [1.0]}), ValueError, r"tree 2\['w'\][\s\S]*length 2[\s\S]*length 1"),
    "tangents of another structure": (lambda a: bibun.jvp(lambda p: p["w"], ({"w": a},), ({"v": a},)), (X,), TypeError, r"structure of primals"),
    "a tangent of another shape": (lambda a: bibun.jvp(jnp.sin, (a,), (1.0,)), (X,), TypeError, r"tangent of type f64\[\][\s\S]*f64\[3\]"),
    "a cotangent of another shape": (lambda a: bibun.vjp(jnp.sin, a)[1](jnp.ones(4)), (X,), TypeError, r"cotangent[\s\S]*f64\[4\][\s\S]*f64\[3\]"),
    # loops and branches whose types change
    "carry changes dtype": (lambda c: lax.scan(lambda c, _: (c + 0.5, None), c, None, 3), (np.arange(3),), TypeError, r"carry is i64\[3\] going in[\s\S]*f64\[3\]"),
    "carry changes shape": (lambda c: lax.scan(lambda c, _: (jnp.stack([c, c]), None), c, None, 3), (1.0,), ValueError, r"carry[\s\S]*f64\[2\]"),
    "carry changes structure": (lambda c: lax.scan(lambda c, _: ((c, c), None), c, None, 3), (1.0,), TypeError, r"structure it takes"),
    "scan's body gives no pair": (lambda c: lax.scan(lambda c, _: c, c, None, 3), (1.0,), TypeError, r"must return a pair"),
    "scan over two lengths": (lambda a, b: lax.scan(lambda c, x: (c, x), 1.0, (a, b)), (X, np.ones(4)), ValueError, r"leading axis[\s\S]*\(3,\)[\s\S]*\(4,\)"),
    "while changes dtype": (lambda n: lax.while_loop(lambda s: s < 3, lambda s: s + 0.5, n), (np.int64(0),), TypeError, r"i64[\s\S]*f64"),
    "while without a bool": (lambda a: lax.while_loop(lambda s: s, lambda s: s - 1, a), (3.0,), TypeError, r"must return a bool scalar"),
    "branches of two structures": (lambda a: lax.cond(a > 0, lambda: 1.0, lambda: (1.0, 2.0)), (1.0,), TypeError, r"branch"),
    "branches of two shapes": (lambda a: lax.cond(a > 0, lambda: 1.0, lambda: jnp.ones(2)), (1.0,), ValueError, r"f64\[2\]"),
    "a predicate that is an array": (lambda a: lax.cond(a > 0, lambda: 1.0, lambda: 2.0), (X,), TypeError, r"pred must be a scalar"),
    # derivatives that do not exist
    "grad of a vector": (lambda a: grad(lambda v: v * 2)(a), (X,), TypeError, r"returns a scalar[\s\S]*\(3,\)[\s\S]*jacrev"),
    "grad of two results": (lambda a: grad(lambda v: (v, v))(a), (1.0,), TypeError, r"has_aux"),
    "grad of an integer result": (lambda a: grad(lambda v: jnp.argmax(v))(a), (X,), TypeError, r"floating-point result"),
    "grad in integers": (lambda a: grad(lambda v: jnp.sum(v * 2.0))(a), (np.arange(3),), TypeError, r"i64\[3\][\s\S]*allow_int"),
    "grad of a complex result": (lambda a: grad(lambda v: v * 1j)(a), (1.0,), TypeError, r"holomorphic"),
    "grad in an argument that is not there": (lambda a: grad(lambda v: v, argnums=2)(a), (1.0,), ValueError, r"argnums 2[\s\S]*1 positional"),
    # batches
    "in_axes of another length": (lambda a, b: vmap(lambda p, q: p, in_axes=(0,))(a, b), (X, X), ValueError, r"in_axes has 1 entries for 2"),
    "in_axes out of range": (lambda a: vmap(jnp.sin, in_axes=1)(a), (X,), ValueError, r"axis 1 of args\[0\][\s\S]*\(3,\)"),
    "in_axes of floats": (lambda a: vmap(jnp.sin, in_axes=0.5)(a), (X,), TypeError, r"ints and None, got 0.5"),
    "in_axes of another tree": (lambda a: vmap(lambda d: d["a"], in_axes=({"b": 0},))({"a": a}), (X,), ValueError, r"in_axes[\s\S]*\['b'\][\s\S]*\['a'\]"),
    "nothing mapped": (lambda a: vmap(jnp.sin, in_axes=None)(a), (X,), ValueError, r"axis_size"),
    "out_axes out of range": (lambda a: vmap(jnp.sin, out_axes=3)(a), (X,), ValueError, r"out_axes 3"),
    "two sizes under vmap": (lambda a, b: vmap(lambda p, q: p * q)(a, b), (X, np.ones(4)), ValueError, r"3[\s\S]*4"),
    # what is no array of numbers
    "object array": (lambda a: jnp.sin(a), (np.array([1, None], dtype=object),), TypeError, r"object"),
    "array of strings": (lambda a: jnp.sin(a), (np.array(["a"]),), TypeError, r"<U1|str|numbers"),
    "list for an array": (lambda a: jnp.sin([1.0, 2.0]) + a, (X,), TypeError, r"list[\s\S]*bibun.numpy.array"),
    "ragged list": (lambda a: jnp.array([[1.0], [1.0, 2.0]]) + a, (X,), ValueError, r"array[\s\S]*shape"),
    "None in arithmetic": (lambda a: a + None, (X,), TypeError, r"NoneType"),
    # shapes
    "shapes that do not broadcast": (lambda a, b: a + b, (X, np.ones(4)), ValueError, r"\(3,\)[\s\S]*\(4,\)"),
    "matrices that do not fit": (lambda a, b: a @ b, (X, np.ones((4, 2))), ValueError, r"3 columns[\s\S]*4 rows"),
    "reshape to another size": (lambda a: a.reshape(2, 2), (X,), ValueError, r"3 elements[\s\S]*\(2, 2\)"),
    "an axis that is not there": (lambda a: jnp.sum(a, axis=3), (X,), ValueError, r"axis 3[\s\S]*1 dimensions"),
    "arrays that do not join": (lambda a: jnp.concatenate([a, jnp.ones((2, 2))]), (X,), ValueError, r"\(3,\), \(2, 2\)"),
    "writing into an array": (lambda a: a.__setitem__(0, 1.0), (X,), TypeError, r"immutable[\s\S]*\.at\[|\.at\["),
    "a number for a key": (lambda k: bibun.random.normal(k), (5,), TypeError, r"bibun.random.key"),
}
# mistakes that are none in eager code, where the value is known
TRACED: dict[str, Row] = {
    "if on a traced value": (lambda a: 1.0 if a > 0 else 2.0, (1.0,), TypeError, r"bool\(x\)[\s\S]*lax.cond"),
    "float of a traced value": (lambda a: float(a), (1.0,), TypeError, r"float\(x\)[\s\S]*bibun.numpy"),
    "math on a traced value": (lambda a: math.exp(a), (1.0,), TypeError, r"float\(x\)[\s\S]*bibun.numpy"),
    "range of a traced value": (lambda n: sum(range(n)), (3,), TypeError, r"index[\s\S]*static_argnums"),
    "shape of a traced value": (lambda n: jnp.zeros(n), (3,), TypeError, r"shape[\s\S]*static_argnums"),
    "np.array of a traced value": (lambda a: np.array([a, 1.0]), (1.0,), TypeError, r"NumPy array[\s\S]*bibun.numpy.array"),
    "formatting a traced value": (lambda a: f"{a:.3f}", (1.0,), TypeError, r"format\(x, '.3f'\)"),
    "a traced mask": (lambda a: a[a > 0], (X,), TypeError, r"mask[\s\S]*size="),
    "nonzero": (lambda a: jnp.nonzero(a), (X,), TypeError, r"nonzero\(\.\.\., size="),
    "where with one argument": (lambda a: jnp.where(a > 0), (X,), TypeError, r"size="),
    "unique": (lambda a: jnp.unique(a), (X,), TypeError, r"unique\(\.\.\., size="),
    "argwhere": (lambda a: jnp.argwhere(a), (X,), TypeError, r"size="),
    "flatnonzero": (lambda a: jnp.flatnonzero(a), (X,), TypeError, r"size="),
    "union1d": (lambda a: jnp.union1d(a, a), (X,), TypeError, r"size="),
    "intersect1d": (lambda a: jnp.intersect1d(a, a), (X,), TypeError, r"size="),
    "setdiff1d": (lambda a: jnp.setdiff1d(a, a[:1]), (X,), TypeError, r"size="),
    "setxor1d": (lambda a: jnp.setxor1d(a, a), (X,), TypeError, r"size="),
    "extract": (lambda a: jnp.extract(a > 0, a), (X,), TypeError, r"size="),
    "compress": (lambda a: jnp.compress(a > 0, a), (X,), TypeError, r"size="),
    "bincount": (lambda a: jnp.bincount(a.astype(int)), (X,), TypeError, r"length="),
    "repeat": (lambda a: jnp.repeat(a, a.astype(int)), (X,), TypeError, r"total_repeat_length"),
}
# fmt: on


def arrays(args: Any) -> Any:
    return tree.map(lambda a: jnp.asarray(a) if isinstance(a, np.ndarray) else a, args)


def check(run: Callable[[], Any], row: Row) -> None:
    f, _, kind, pattern = row
    with pytest.raises(kind, match=pattern) as caught:
        run()
    line = f.__code__.co_firstlineno
    here = f"{__file__}:{line}"
    frames = traceback.extract_tb(caught.value.__traceback__)
    inside = any(fr.filename == __file__ and fr.lineno == line for fr in frames)
    outermost = [fr.lineno for fr in frames if fr.filename == __file__]
    # in the message, in the traceback, or the arguments themselves are refused at the call
    assert here in str(caught.value) or inside or outermost, str(caught.value)
    if len(outermost) > 2:
        assert inside


@pytest.mark.parametrize("name", MISTAKES)
def test_eager(name: str) -> None:
    f, args, *_ = MISTAKES[name]
    try:
        given = arrays(args)
    except TypeError:  # an array of objects is refused wherever it comes in
        given = args
    check(lambda: f(*given), MISTAKES[name])


@pytest.mark.parametrize("name", [*MISTAKES, *TRACED])
def test_compiled(name: str) -> None:
    row = {**MISTAKES, **TRACED}[name]
    check(lambda: jit(row[0])(*row[1]), row)


@pytest.mark.parametrize("name", TRACED)
def test_known_values_are_fine_in_eager_code(name: str) -> None:
    f, args, *_ = TRACED[name]
    f(*arrays(args))


@pytest.mark.parametrize("name", ["if on a traced value", "a traced mask", "nonzero", "unique"])
def test_under_grad_and_vmap(name: str) -> None:
    """Under `grad` values are known, so Python control flow is fine; under `vmap` they are not."""
    f, args, kind, pattern = TRACED[name]
    x = np.ones((2, *np.shape(args[0])))
    with pytest.raises(kind, match=pattern):
        vmap(f)(x)
    for point in args:
        grad(lambda v, p=point: jnp.sum(v * p) + 0.0 * len(np.shape(f(v * p))))(1.0)


def test_messages_name_the_line() -> None:
    for run in (lambda: jnp.ones(3) + jnp.ones(4), lambda: jnp.ones(3)[1.0]):
        with pytest.raises((TypeError, ValueError)) as caught:
            run()
        assert f"At {__file__}:{run.__code__.co_firstlineno}" in str(caught.value)


def test_sizes_that_are_none() -> None:
    with pytest.raises(TypeError, match="shape must be an integer or a sequence of integers.*2.0"):
        jnp.zeros(2.0)
    step = lambda c, _: (c, c)
    with pytest.raises(TypeError, match="argument length must be an integer, got 2.5"):
        lax.scan(step, 0.0, None, 2.5)
    with pytest.raises(ValueError, match="length must not be negative, got -1"):
        lax.scan(step, 0.0, None, -1)
    with pytest.raises(TypeError, match="scan: argument length needs a concrete value"):
        jit(lambda n: lax.scan(step, 0.0, None, n))(3)
