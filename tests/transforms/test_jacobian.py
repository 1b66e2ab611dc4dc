"""Jacobians and Hessians of functions between pytrees."""

from __future__ import annotations

import numpy as np
import pytest

from bibun.dtypes import FLOAT0
from bibun.errors import DifferentiationError
from bibun.ops.elementwise import gt
from bibun.transforms import grad, hessian, hvp, jacfwd, jacobian, jacrev, vmap
from tests.transforms.functions import MATRIX, VECTOR, close, energy, layer, mul, num, sin, total


def finite(fun, x, eps=1e-6):
    out = num(fun(x))
    jac = np.zeros((*out.shape, *x.shape))
    for i in np.ndindex(x.shape):
        d = np.zeros_like(x)
        d[i] = eps
        jac[(..., *i)] = (num(fun(x + d)) - num(fun(x - d))) / (2 * eps)
    return jac


@pytest.mark.parametrize("jac", [jacfwd, jacrev, jacobian])
def test_matrix_function(jac):
    close(jac(lambda w: layer(w, VECTOR))(MATRIX), finite(lambda w: layer(w, VECTOR), MATRIX))
    close(jac(layer, 1)(MATRIX, VECTOR), finite(lambda x: layer(MATRIX, x), VECTOR))


@pytest.mark.parametrize("jac", [jacfwd, jacrev])
def test_pytrees(jac):
    def f(p):
        return {"a": mul(p["x"], p["y"]), "b": total(p["x"])}

    out = num(jac(f)({"x": VECTOR, "y": 2.0}))
    close(out["a"]["x"], 2 * np.eye(3))
    close(out["a"]["y"], VECTOR)
    close(out["b"]["x"], np.ones(3))
    close(out["b"]["y"], np.asarray(0.0))


@pytest.mark.parametrize("jac", [jacfwd, jacrev])
def test_argnums_aux_and_ints(jac):
    a, b = jac(mul, (0, 1))(2.0, 3.0)
    assert (num(a), num(b)) == (3.0, 2.0)
    j, aux = jac(lambda x: (sin(x), {"x": x}), has_aux=True)(VECTOR)
    close(j, np.diag(np.cos(VECTOR)))
    close(aux["x"], VECTOR)
    assert num(jac(lambda x: mul(x, x))(3)) == 6.0
    if jac is jacfwd:
        assert jac(lambda x: gt(x, 0.0))(VECTOR).dtype == FLOAT0


def test_hessian():
    close(hessian(energy)(VECTOR), finite(grad(energy), VECTOR), 1e-5)
    blocks = num(hessian(lambda p: mul(p["x"], mul(p["x"], p["y"])))({"x": 2.0, "y": 3.0}))
    assert blocks["x"]["x"] == 6.0 and blocks["x"]["y"] == 4.0 and blocks["y"]["y"] == 0.0
    for inner in (jacfwd, jacrev):
        for outer in (jacfwd, jacrev):
            close(outer(inner(energy))(VECTOR), hessian(energy)(VECTOR), 1e-9)
    h, aux = hessian(lambda x: (energy(x), x), has_aux=True)(VECTOR)
    close(aux, VECTOR)


def test_third_order_and_vmap():
    def third(x):
        return jacfwd(hessian(energy))(x)

    close(third(VECTOR), finite(hessian(energy), VECTOR), 1e-4)
    xs = np.stack([VECTOR, VECTOR + 1])
    close(vmap(jacrev(lambda x: layer(MATRIX, x)))(xs)[1] if False else
          num(vmap(jacrev(lambda x: layer(MATRIX, x)))(xs))[1],
          jacfwd(lambda x: layer(MATRIX, x))(VECTOR + 1), 1e-12)  # fmt: skip


def test_complex():
    z = np.array([1 + 2j, 0.5 - 1j])
    for jac in (jacfwd, jacrev):
        close(jac(lambda z: mul(z, z), holomorphic=True)(z), np.diag(2 * z))
        with pytest.raises(DifferentiationError, match="holomorphic|real"):
            jac(lambda z: mul(z, z))(z)


def test_hvp():
    t = np.array([1.0, -0.5, 2.0])
    close(hvp(energy, (VECTOR,), (t,)), num(hessian(energy)(VECTOR)) @ t, 1e-9)
