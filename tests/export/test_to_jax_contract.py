"""Every op of the registry in JAX: values and derivatives on the op's own samples.

JAX compiles slowly, so the samples of many ops are one compiled function; errors name the op.
"""

from __future__ import annotations

import numpy as np
import pytest

jax = pytest.importorskip("jax")
jax.config.update("jax_enable_x64", True)

import bibun  # noqa: E402
from bibun.array import Array  # noqa: E402
from bibun.dtypes import KEY  # noqa: E402
from bibun.errors import DifferentiationError  # noqa: E402
from bibun.export import jax_control, jax_ops, jax_rules, to_jax  # noqa: E402
from bibun.ir.types import ArrayType  # noqa: E402
from bibun.ops.registry import all_ops  # noqa: E402
from bibun.trace.core import type_of  # noqa: E402

assert jax_control
OPS = all_ops()
GROUPS = 6
SKIPPED = {
    "custom_vjp_linear": "cannot be evaluated",
    "io_callback": "has effects", "debug_callback": "has effects",
}  # fmt: skip


def test_every_op_has_a_translation() -> None:
    entries = jax_ops.TABLE.keys() | jax_rules.CONTROL.keys()
    assert sorted(n for n, op in OPS.items() if n not in entries and not jax_ops.on_host(op)) == []
    assert sorted(entries - OPS.keys()) == [], "an entry for no op"
    assert sorted(jax_ops.RULED - OPS.keys()) == []


def plain(x):
    """A result of JAX or bibun as NumPy."""
    if isinstance(x, jax.Array) and jax.dtypes.issubdtype(x.dtype, jax.dtypes.prng_key):
        return np.asarray(jax.random.key_data(x))
    x = x._value if isinstance(x, Array) else np.asarray(x)
    return np.ascontiguousarray(x).view(np.uint32).reshape(*x.shape, 2) if x.dtype == KEY else x


def inexact(x):
    return np.asarray(getattr(x, "_value", x)).dtype.kind in "fc"


class Case:
    """A sample: what bibun computes, and the function of JAX that must agree."""

    def __init__(self, op, sample, name) -> None:
        self.op, self.name, self.args = op, name, list(sample.args)
        self.where = []

        def call(*args):
            out = op(*args, **sample.params)
            return list(out) if op.multiple_results else [out]

        with np.errstate(all="ignore"):
            self.want = [plain(o) for o in call(*self.args)]
        self.single = any(w.dtype in (np.float32, np.complex64) for w in self.want)
        self.call = to_jax(call)
        if self.single or (op.jvp is None and op.linearize is None) or op.name == "custom_vjp":
            return
        where = sample.diff if sample.diff is not None else range(len(self.args))
        self.where = [k for k in where if inexact(self.args[k])]

        def of(*xs):
            given = list(self.args)
            for k, x in zip(self.where, xs, strict=True):
                given[k] = x
            return [o for o in call(*given) if o.dtype.kind in "fc"]

        self.at = [np.asarray(self.args[k]) for k in self.where]
        rng = np.random.default_rng(0)
        self.dx = [self.draw(rng, x) for x in self.at]
        with np.errstate(all="ignore"):
            try:
                outs, linear = bibun.linearize(of, *self.at)
                self.tangents = [plain(t) for t in linear(*self.dx)]
            except DifferentiationError:
                self.where = []
                return
        self.cts = [self.draw(rng, plain(o)) for o in outs]
        if not self.cts:
            self.where = []
        self.of = to_jax(of)

    @staticmethod
    def draw(rng, x):
        i = 1j * rng.normal(size=x.shape) if x.dtype.kind == "c" else 0
        return np.asarray(rng.normal(size=x.shape) + i, dtype=x.dtype)

    def run(self, args, at):
        """Values, forward and reverse derivatives in JAX."""
        out = {"values": self.call(*args)}
        if self.where:
            out["tangents"] = jax.jvp(self.of, at, self.dx)[1]
            try:
                out["back"] = jax.vjp(self.of, *at)[1](self.cts)
            except ValueError as e:  # JAX does not reverse a loop of unknown length
                if "Reverse-mode differentiation does not work" not in str(e):
                    raise
        return out

    def compare(self, got) -> None:
        close = {"rtol": 3e-5, "atol": 3e-6} if self.single else {"rtol": 1e-9, "atol": 1e-11}
        assert len(got["values"]) == len(self.want), self.name
        for g, w in zip(map(plain, got["values"]), self.want, strict=True):
            assert g.shape == w.shape and g.dtype == w.dtype, self.name
            np.testing.assert_allclose(g, w, err_msg=self.name, **close)
        if not self.where:
            return
        for g, w in zip(got["tangents"], self.tangents, strict=True):
            np.testing.assert_allclose(plain(g), w, rtol=1e-8, atol=1e-9, err_msg=self.name)
        if "back" in got:
            pair = lambda a, b: sum(  # noqa: E731
                float(np.real(np.sum(np.asarray(x) * y))) for x, y in zip(a, b, strict=True)
            )
            left, right = pair(self.cts, self.tangents), pair(got["back"], self.dx)
            if np.isfinite(left):
                assert right == pytest.approx(left, rel=1e-7, abs=1e-8), self.name


def cases():
    """Of each op the first sample, and one more of each other dtype of operands."""
    for name, op in sorted(OPS.items()):
        seen = set()
        for k, s in enumerate(op.samples()):
            types = op.type_rule(*map(type_of, s.args), **s.params)
            types = list(types) if op.multiple_results else [types]
            if name in SKIPPED or not all(
                isinstance(t, ArrayType) for t in (*types, *map(type_of, s.args))
            ):
                continue
            key = tuple(str(getattr(a, "dtype", type(a))) for a in s.args)
            if key not in seen and len(seen) < 2:
                seen.add(key)
                yield op, s, f"{name}-{k}"


@pytest.mark.parametrize("group", range(GROUPS))
def test_values_and_derivatives(group) -> None:
    found = [Case(*c) for c in list(cases())[group::GROUPS]]
    arrays = [
        ([jax_ops.to_array(np.asarray(a)) for a in c.args], c.at if c.where else []) for c in found
    ]
    run = lambda arrays: [c.run(*a) for c, a in zip(found, arrays, strict=True)]  # noqa: E731
    failures = []
    for c, got in zip(found, jax.jit(run)(arrays), strict=True):
        try:
            c.compare(got)
        except AssertionError as e:
            failures.append(f"{c.name}: {str(e).strip()[:300]}")
    assert not failures, "\n".join(failures)
