"""Document 1, chapter 3: JVP and VJP, custom rules, the derivative of an implicit function."""

from __future__ import annotations

import numpy as np
import pytest

import bibun

plt = pytest.importorskip("matplotlib.pyplot")


def test_3_1_directional_derivatives() -> None:
    """Equations 3.4 to 3.12: JVP(Wx, V) = Vx, JVP(WX, V) = VX; and (3.28, 3.29) the VJPs."""
    from bibun import numpy as jnp

    rng = np.random.default_rng(0)
    W, V, X, U = (rng.normal(size=(2, 2)) for _ in range(4))
    x, u = rng.normal(size=(2, 2))
    _, tangent = bibun.jvp(lambda W: W @ x, (W,), (V,))
    assert np.allclose(tangent, V @ x, rtol=1e-15)
    _, tangent = bibun.jvp(lambda W: W @ X, (W,), (V,))
    assert np.allclose(tangent, V @ X, rtol=1e-15)
    _, pull = bibun.vjp(lambda W: W @ x, W)
    assert np.allclose(pull(jnp.asarray(u))[0], np.outer(u, x), rtol=1e-15)
    _, pull = bibun.vjp(lambda W: W @ X, W)
    # The document's (3.29) says U Xᵀ through a printed U X*; this is what the trace gives.
    assert np.allclose(pull(jnp.asarray(U))[0], U @ X.T, rtol=1e-15)

    # (3.7-3.9): the Jacobian of vec(W) -> W x
    a, b = x
    J = bibun.jacobian(lambda w: w.reshape(2, 2) @ x)(jnp.asarray(W.ravel()))
    assert np.allclose(J, [[a, b, 0, 0], [0, 0, a, b]])

    # (3.14) and (3.32): the chain rules
    f, g = lambda t: jnp.sin(t) * t[0], lambda t: jnp.exp(t) + t[1]
    w, v = jnp.asarray(x), jnp.asarray(u)
    y, dy = bibun.jvp(f, (w,), (v,))
    assert np.allclose(bibun.jvp(lambda t: g(f(t)), (w,), (v,))[1], bibun.jvp(g, (y,), (dy,))[1])
    (back,) = bibun.vjp(lambda t: g(f(t)), w)[1](v)
    (through,) = bibun.vjp(f, w)[1](bibun.vjp(g, y)[1](v)[0])
    assert np.allclose(back, through)
    # (3.24): ⟨u, ∂f[v]⟩ = ⟨∂f*[u], v⟩
    assert np.vdot(u, dy) == pytest.approx(float(np.vdot(bibun.vjp(f, w)[1](v)[0], v)), rel=1e-14)


def test_3_3_custom_jvp() -> None:
    import bibun.numpy as jnp
    from bibun import custom_jvp

    calls = []

    @custom_jvp
    def g(x, y):
        return jnp.sin(x) * y

    @g.defjvp
    def g_jvp(primals, tangents):
        calls.append(1)
        x, y = primals
        ux, uy = tangents
        dgdx = y * jnp.cos(x)
        dgdy = jnp.sin(x)
        primal_out = g(x, y)
        tangent_out = dgdx * ux + dgdy * uy
        return primal_out, tangent_out

    x, y = 0.7, 1.9
    out, tangent = bibun.jvp(g, (x, y), (2.0, 3.0))
    assert float(out) == pytest.approx(np.sin(x) * y)
    assert float(tangent) == pytest.approx(y * np.cos(x) * 2 + np.sin(x) * 3, rel=1e-15)
    gx, gy = bibun.jit(bibun.grad(g, (0, 1)))(x, y)
    assert (float(gx), float(gy)) == pytest.approx((y * np.cos(x), np.sin(x)), rel=1e-15)
    xs = jnp.linspace(0, 1, 5)
    assert np.allclose(bibun.vmap(bibun.grad(g), (0, None))(xs, y), y * np.cos(xs), rtol=1e-15)
    assert len(calls) >= 3  # the rule is what was used


def test_3_3_custom_vjp() -> None:
    import bibun.numpy as jnp
    from bibun import custom_vjp

    @custom_vjp
    def g(x, y):
        return jnp.sin(x) * y

    def g_bwd(residuals, u):
        cos_x, sin_x, y = residuals
        return (y * cos_x * u, sin_x * u)

    def g_fwd(x, y):
        residuals = (jnp.cos(x), jnp.sin(x), y)
        primal_out = g(x, y)
        return primal_out, residuals

    g.defvjp(g_fwd, g_bwd)

    x, y = 0.7, 1.9
    for f in (bibun.grad(g, (0, 1)), bibun.jit(bibun.grad(g, (0, 1)))):
        gx, gy = f(x, y)
        assert (float(gx), float(gy)) == pytest.approx((y * np.cos(x), np.sin(x)), rel=1e-15)
    with pytest.raises(TypeError, match=r"custom_vjp[\s\S]*g"):
        bibun.jvp(g, (x, y), (1.0, 1.0))


def test_3_4_newton_raphson_with_a_custom_vjp() -> None:
    import bibun.numpy as jnp
    from bibun import grad

    def f(E, e, M):
        return E - e * jnp.sin(E) - M

    dfdE = grad(f, argnums=0)
    dfde = grad(f, argnums=1)
    dfdM = grad(f, argnums=2)

    from functools import partial  # noqa: F401

    from bibun import custom_vjp
    from bibun.lax import while_loop

    @custom_vjp
    def eccentric_anomaly_newton_raphson(e, M, Eini):
        def cond_fun(carry):
            E_prev, E = carry
            return jnp.abs(E - E_prev) > 1e-6

        def body_fun(carry):
            _, E = carry
            E_new = E - f(E, e, M) / dfdE(E, e, M)
            return E, E_new

        _, E_star = while_loop(cond_fun, body_fun, (jnp.inf, Eini))
        return E_star

    def eccentric_anomaly_newton_raphson_fwd(e, M, Eini):
        E_star = eccentric_anomaly_newton_raphson(e, M, Eini)
        return E_star, (jnp.sin(E_star), 1.0 - e * jnp.cos(E_star))

    def eccentric_anomaly_newton_raphson_bwd(residuals, u):
        sin_E_star, one_minus_cos_E_star = residuals
        return (sin_E_star * u / one_minus_cos_E_star, u / one_minus_cos_E_star, 0.0)

    eccentric_anomaly_newton_raphson.defvjp(
        eccentric_anomaly_newton_raphson_fwd, eccentric_anomaly_newton_raphson_bwd
    )

    from bibun import jit, vmap

    dE_de = grad(eccentric_anomaly_newton_raphson, argnums=0)
    dE_dM = grad(eccentric_anomaly_newton_raphson, argnums=1)

    vmap_eccentric_anomaly = jit(vmap(eccentric_anomaly_newton_raphson, in_axes=(None, 0, 0)))
    vmap_dE_de = jit(vmap(dE_de, in_axes=(None, 0, 0)))
    vmap_dE_dM = jit(vmap(dE_dM, in_axes=(None, 0, 0)))

    etest = 0.9
    M_values = jnp.linspace(0, 2 * jnp.pi - 0.001, 100)
    E_stars = vmap_eccentric_anomaly(etest, M_values, M_values)
    dE_stardM = vmap_dE_dM(etest, M_values, M_values)
    dE_starde = vmap_dE_de(etest, M_values, M_values)

    # figure 3.8 by formulas: Kepler's equation and the implicit function theorem (3.44, 3.45)
    E, M = np.asarray(E_stars), np.asarray(M_values)
    assert np.allclose(E - etest * np.sin(E), M, atol=1e-13)
    assert np.allclose(dE_stardM, 1 / (1 - etest * np.cos(E)), rtol=1e-14)
    assert np.allclose(dE_starde, np.sin(E) / (1 - etest * np.cos(E)), rtol=1e-14, atol=1e-15)
    assert float(dfde(1.0, 0.3, 0.2)) == pytest.approx(-np.sin(1.0))
    assert float(dfdM(1.0, 0.3, 0.2)) == -1.0

    # and what the document says cannot be: reverse mode through the loop itself
    def plain(e, M, Eini):
        def body_fun(carry):
            _, E = carry
            return E, E - f(E, e, M) / dfdE(E, e, M)

        return while_loop(lambda c: jnp.abs(c[1] - c[0]) > 1e-6, body_fun, (jnp.inf, Eini))[1]

    through = jit(vmap(grad(plain, argnums=1), in_axes=(None, 0, 0)))(etest, M_values, M_values)
    assert np.allclose(through, dE_stardM, rtol=1e-9)
