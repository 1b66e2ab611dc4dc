"""The contract of every op, checked on its own samples.

An op's record promises that its rules agree with each other: the type rule with the value,
the derivative with finite differences, the transpose with the derivative, batching with a
loop, compiled code with eager code. Here each promise is a test, and each op of the
registry is taken through all of them.
"""

from __future__ import annotations

import numpy as np
import pytest

from bibun.compiler.jit import jit
from bibun.errors import DifferentiationError
from bibun.ops.op import CALL, CONTROL, ELEMENTWISE
from bibun.trace.core import type_of
from bibun.trace.replay import replay
from bibun.trace.stage import stage
from tests.contract.harness import (
    Case,
    assert_close,
    cases,
    difference,
    gradient_of,
    is_array,
    jvp,
    mappings,
    pairing,
    perturbed,
    random_like,
    raw,
    raws,
    strided,
    vjp,
    vmapped,
    widened,
)

CASES = cases()
SMOOTH = [c for c in CASES if c.sample.smooth and c.differentiable()]
STRUCTURED = (CONTROL, CALL)


def every(found: list[Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", found, ids=repr)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20240229)


def tolerance(case: Case) -> tuple[float, float]:
    """Relative and absolute: rounding of the widest of single-precision operands."""
    return (2e-5, 1e-6) if case.single else (1e-9, 1e-11)


@every(CASES)
def test_type_rule_describes_the_value(case: Case) -> None:
    """Shape, dtype and weakness, eagerly and staged; no input is written."""
    before = [np.array(a, copy=True) if is_array(a) else None for a in case.args]
    outs = case.call(*case.args)
    for a, b in zip(case.args, before, strict=True):
        if b is not None:
            np.testing.assert_array_equal(raw(a), b, err_msg="an input was written")
    types = case.op.type_rule(*map(type_of, case.args), **case.sample.params)
    types = types if case.op.multiple_results else [types]
    got = [type_of(o) for o in outs]
    if any(isinstance(a, bool | int | float | complex) for a in case.args):
        # bare Python scalars are made arrays, and weak, above the ops
        got, types = [t.strong() for t in got], [t.strong() for t in types]
    assert got == list(types)


@every(CASES)
def test_staged_program_computes_the_value(case: Case) -> None:
    closed = stage(case.call, [type_of(a) for a in case.args])
    outs = case.call(*case.args)
    assert [t.strong() for t in closed.out_types] == [type_of(o).strong() for o in outs]
    rtol, atol = tolerance(case)
    found = replay(closed.program, [*closed.consts, *case.args])
    for got, want in zip(found, outs, strict=True):
        if is_array(want):
            assert_close(got, want, rtol, atol, "program")


@every([c for c in CASES if any(isinstance(a, np.ndarray) and a.ndim for a in c.args)])
def test_strided_inputs(case: Case) -> None:
    wants = case.call(*case.args)
    rtol, atol = tolerance(case)
    for got, want in zip(case.call(*map(strided, case.args)), wants, strict=True):
        if is_array(want):
            assert_close(got, want, rtol, atol, "strided inputs")


def _one_shape(case: Case) -> bool:
    shapes = {a.shape for a in case.args if isinstance(a, np.ndarray) and a.ndim}
    return case.op.kind == ELEMENTWISE and len(shapes) == 1


@every([c for c in CASES if _one_shape(c)])
def test_empty_inputs(case: Case) -> None:
    args = [a[:0] if isinstance(a, np.ndarray) and a.ndim else a for a in case.args]
    types = case.op.type_rule(*map(type_of, args), **case.sample.params)
    (out,) = case.call(*args)
    assert type_of(out) == types
    assert raw(out).size == 0


@every(SMOOTH)
def test_jvp_matches_finite_differences(case: Case, rng: np.random.Generator) -> None:
    """Along each argument alone, and along all: their sum."""
    fun, xs = case.function()
    tangents = [random_like(x, rng) for x in xs]
    total = None
    for i, t in enumerate(tangents):
        ts = [t if j == i else None for j in range(len(xs))]
        outs, got = jvp(fun, xs, ts)
        for g, want, out in zip(got, difference(fun, xs, ts), outs, strict=True):
            assert type_of(g).matches(type_of(out).tangent())
            size = float(np.max(np.abs(want), initial=1.0))
            assert_close(g, want.astype(raw(g).dtype), 1e-6, 1e-7 * size, f"argument {i}")
        total = raws(got) if total is None else [a + raw(b) for a, b in zip(total, got)]  # noqa: B905
    for t, want in zip(jvp(fun, xs, tangents)[1], total or [], strict=True):
        size = float(np.max(np.abs(want), initial=1.0))
        assert_close(t, want, 1e-9, 1e-10 * size, "the sum over arguments")


@every([c for c in SMOOTH if c.single])
def test_single_precision_derivatives(case: Case, rng: np.random.Generator) -> None:
    """Tangents and cotangents keep their dtypes and agree with double precision."""
    (narrow, xs), (wide, ys) = case.function(widen=False), case.function()
    ts = [random_like(x, rng) for x in xs]
    outs, got = jvp(narrow, xs, ts)
    cts = [random_like(o, rng) for o in outs]
    _, want = jvp(wide, ys, [widened(t) for t in ts])
    back = vjp(narrow, xs)[1](cts)
    expected = vjp(wide, ys)[1]([widened(c) for c in cts])
    for g, w, x in [*zip(got, want, outs, strict=True), *zip(back, expected, xs, strict=True)]:
        if g is None or w is None:
            assert g is w
            continue
        assert type_of(g).matches(type_of(x).tangent())
        size = float(np.max(np.abs(raw(w)), initial=1.0))
        np.testing.assert_allclose(raw(g), raw(w), rtol=1e-3, atol=1e-4 * size)


@every(SMOOTH)
def test_vjp_is_the_transpose_of_jvp(case: Case, rng: np.random.Generator) -> None:
    """<w, Jv> = <Jᵀw, v> for each argument, called twice; types of cotangents."""
    fun, xs = case.function()
    outs, pull = vjp(fun, xs)
    for got, want in zip(outs, fun(*xs), strict=True):
        assert_close(got, want, 1e-12, 1e-12, "primal outputs")
    cts = [random_like(o, rng) for o in outs]
    back = pull(cts)
    again = pull(cts)
    for i, x in enumerate(xs):
        if back[i] is not None:
            assert type_of(back[i]).matches(type_of(x).tangent())
            assert_close(again[i], back[i], 0, 0, "the second pull")
        t = random_like(x, rng)
        _, tangents = jvp(fun, xs, [t if j == i else None for j in range(len(xs))])
        left, right = pairing(cts, tangents), pairing([back[i]], [t])
        size = max(1.0, abs(left), *(float(np.max(np.abs(raw(o)), initial=0)) for o in tangents))
        assert abs(left - right) <= 1e-9 * size, f"argument {i}: <w,Jv>={left}, <Jᵀw,v>={right}"


@every(SMOOTH)
def test_second_order(case: Case, rng: np.random.Generator) -> None:
    """Forward over reverse against differences of reverse; reverse over reverse agrees."""
    fun, xs = case.function()
    cts = [random_like(o, rng) for o in fun(*xs)]
    grad = gradient_of(fun, cts)
    ts = [random_like(x, rng) for x in xs]
    try:
        _, got = jvp(grad, xs, ts)
    except DifferentiationError as e:
        pytest.skip(f"documented: {e}")
    for i, (g, want) in enumerate(zip(got, difference(grad, xs, ts), strict=True)):
        size = float(np.max(np.abs(want), initial=1.0))
        assert_close(g, want.astype(raw(g).dtype), 1e-5, 1e-6 * size, f"argument {i}")
    us = [random_like(x, rng) for x in xs]
    _, pull = vjp(grad, xs)
    left, right = pairing(us, got), pairing(pull(us), ts)
    size = max(1.0, abs(left), *(float(np.max(np.abs(raw(g)), initial=0)) for g in got))
    assert abs(left - right) <= 1e-8 * size, f"<u, Hv>={left}, <Hᵀu, v>={right}"


@every(CASES)
def test_vmap_is_a_loop(case: Case) -> None:
    rtol, atol = tolerance(case)
    for dims in mappings(case.args):
        if all(d is None for d in dims):
            continue
        rows = [
            [a if d is None else perturbed(a, k) for a, d in zip(case.args, dims, strict=True)]
            for k in range(3)
        ]
        stacked = [
            a if d is None else np.stack([r[i] for r in rows], axis=d)
            for i, (a, d) in enumerate(zip(case.args, dims, strict=True))
        ]
        loop = [raws(case.call(*r)) for r in rows]
        got = vmapped(case.call, 3, stacked, dims)
        for j, g in enumerate(got):
            want = np.stack([r[j] for r in loop])
            assert_close(g, want, rtol, atol, f"axes {dims}, output {j}")


# compiled ----------------------------------------------------------------------------------


@every([c for c in CASES if c.only_arrays])
def test_jit_is_eager(case: Case) -> None:
    rtol, atol = tolerance(case)
    wants = case.call(*case.args)
    outs = jit(case.call)(*case.args)
    for got, want in zip(outs, wants, strict=True):
        if is_array(want):
            assert_close(got, want, rtol, atol, "jit")


@every(SMOOTH)
def test_jit_of_derivatives(case: Case, rng: np.random.Generator) -> None:
    """The compiled vjp equals the eager one."""
    fun, xs = case.function()
    cts = [random_like(o, rng) for o in fun(*xs)]
    grad = gradient_of(fun, cts)
    rtol, atol = tolerance(case)
    for got, want in zip(jit(grad)(*xs), grad(*xs), strict=True):
        size = float(np.max(np.abs(raw(want)), initial=1.0))
        assert_close(got, want, rtol, atol * size, "jit of vjp")
