"""Functions of bibun in JAX: control flow, derivatives, random bits, custom rules, sharding."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

jax = pytest.importorskip("jax")
jax.config.update("jax_enable_x64", True)


import bibun  # noqa: E402
import bibun.numpy as bnp  # noqa: E402
from bibun import export, lax, nn, random, tree  # noqa: E402


def test_control_flow_and_gradients() -> None:
    weights = np.linspace(-1, 1, 9).reshape(3, 3)

    def f(x, n):
        y = lax.fori_loop(0, 3, lambda i, y: bnp.tanh(y @ weights) + i, x)
        y, ys = lax.scan(lambda c, w: (c * bnp.sin(w), bnp.sum(c)), y, bnp.asarray(weights))
        y = lax.cond(n > 1, lambda y: y**2, lambda y: -y, y)
        return bnp.sum(y) + bnp.sum(ys[1:])

    g = export.to_jax(f)
    x = np.array([0.3, -0.2, 0.9])
    for n in (1, 2):
        assert float(jax.jit(g)(x, n)) == pytest.approx(float(f(x, n)), rel=1e-13)
        want = bibun.grad(f)(bnp.array(x), n)
        np.testing.assert_allclose(jax.jit(jax.grad(g))(x, n), want, rtol=1e-11)
    np.testing.assert_allclose(
        jax.hessian(g)(x, 2), bibun.hessian(f)(bnp.array(x), 2), rtol=1e-9, atol=1e-12
    )
    both = jax.vmap(g, (0, None))(np.stack([x, 2 * x]), 1)
    np.testing.assert_allclose(both, [f(x, 1), f(2 * x, 1)], rtol=1e-12)


def test_a_loop_of_unknown_length_goes_forward() -> None:
    def f(x):
        return lax.while_loop(lambda c: c < 100, lambda c: c * x, x)

    g = export.to_jax(f)
    assert float(jax.jit(g)(3.0)) == 243 and float(jax.jacfwd(g)(3.0)) == 5 * 81
    with pytest.raises(export.ExportError, match="loop of unknown length"):
        export.to_jax(bibun.grad(f))(3.0)


def test_gradients_of_bibun_keep_their_meaning() -> None:
    """The derivative of a `where` has no nan, and second derivatives at 0 are right."""
    f = lambda x: bnp.where(x > 0, bnp.sqrt(x), 0.0)  # noqa: E731
    assert np.isnan(jax.grad(export.to_jax(f))(0.0))
    assert float(export.to_jax(bibun.grad(f))(0.0)) == 0.0
    half = export.to_jax(bibun.grad(lambda x: 0.5 * bnp.sin(x) ** 2))
    assert float(half(0.0)) == 0 and float(jax.grad(half)(0.0)) == 1.0


def test_random_bits_are_the_same() -> None:
    def draw(key):
        a, b = random.split(key)
        return random.normal(a, (3,)), random.randint(b, (4,), 0, 1000), random.fold_in(b, 3)

    x, n, key = jax.jit(export.to_jax(draw))(jax.random.key(7))
    want = draw(random.key(7))
    np.testing.assert_allclose(x, want[0], rtol=1e-13)
    np.testing.assert_array_equal(n, want[1])
    np.testing.assert_array_equal(jax.random.key_data(key), random.key_data(want[2]))


def test_custom_rules_are_kept() -> None:
    @bibun.custom_jvp
    def twice(x):
        return 2 * x

    twice.defjvp(lambda p, t: (twice(p[0]), 7 * t[0]))

    @bibun.custom_vjp
    def clipped(x, k):
        return x * 1.0

    clipped.defvjp(lambda x, k: (x * 1.0, k), lambda k, ct: (bnp.clip(ct, -k, k), None))
    assert float(jax.grad(export.to_jax(twice))(1.0)) == 7
    g = export.to_jax(lambda x: clipped(x, 0.5) * 3)
    assert float(g(2.0)) == 6 and float(jax.jit(jax.grad(g))(2.0)) == 0.5


def test_functions_that_jax_lacks() -> None:
    from bibun.scipy import special

    f = lambda x: bnp.sum(special.erfcx(x) + special.j0(x))  # noqa: E731
    x = np.array([0.1, 2.0])
    g = jax.jit(jax.grad(export.to_jax(f)))
    np.testing.assert_allclose(g(x), bibun.grad(f)(bnp.array(x)), rtol=1e-12)


def test_errors() -> None:
    take = lambda x, i: x[i]  # noqa: E731
    x = np.arange(3.0)
    with pytest.raises(IndexError, match="out of bounds"):
        export.to_jax(take)(x, 5)
    with pytest.raises(Exception, match="index 5 is out of bounds for axis 0 with size 3"):
        jax.block_until_ready(jax.jit(export.to_jax(take))(x, 5))
        jax.effects_barrier()
    assert np.isfinite(jax.jit(export.to_jax(take, checks="ignore"))(x, 5))
    with pytest.raises(ValueError, match="checks"):
        export.to_jax(take, checks="maybe")
    with pytest.raises(TypeError):
        export.to_jax(3)


def test_a_model_trains_over_there() -> None:
    model = nn.Sequential(
        nn.Linear(2, 8, rngs=nn.Rngs(0)), nn.tanh, nn.Linear(8, 1, rngs=nn.Rngs(1))
    )
    graphdef, params = nn.split(model)
    x = np.random.default_rng(0).normal(size=(16, 2))

    def loss(params, x):
        state = nn.State(params)
        return bnp.mean((nn.merge(graphdef, state)(x)[:, 0] - bnp.sin(x[:, 0])) ** 2)

    pure = params.to_pure_dict()
    g = jax.jit(jax.grad(export.to_jax(loss)))(tree.map(np.asarray, pure), x)
    want = bibun.grad(loss)(pure, bnp.array(x))
    for a, b in zip(jax.tree.leaves(g), tree.leaves(want), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10)


def test_eight_devices() -> None:
    code = """
import jax, numpy as np
jax.config.update("jax_enable_x64", True)
from jax.sharding import Mesh, NamedSharding, PartitionSpec as P
import bibun, bibun.numpy as bnp
from bibun import export, lax
w = np.linspace(-1, 1, 16).reshape(4, 4)
def loss(w, x):
    y = lax.scan(lambda c, _: (bnp.tanh(c @ w), None), x, None, length=3)[0]
    return bnp.mean(y ** 2)
mesh = Mesh(np.array(jax.devices()), ("batch",))
x = np.random.default_rng(0).normal(size=(64, 4))
xs = jax.device_put(x, NamedSharding(mesh, P("batch")))
g = jax.jit(jax.grad(export.to_jax(loss)), out_shardings=NamedSharding(mesh, P()))(w, xs)
h = jax.jit(export.to_jax(lambda x: bnp.tanh(x @ w)))(xs)
np.testing.assert_allclose(g, bibun.grad(loss)(bnp.array(w), x), rtol=1e-11)
print(len(jax.devices()), len(xs.sharding.device_set), len(h.sharding.device_set))
"""
    flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=8", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                          env=os.environ | flags)  # fmt: skip
    assert done.stdout.split() == ["8", "8", "8"], done.stderr[-2000:]


def test_from_jax() -> None:
    jnp = jax.numpy

    def f(p, n):
        return {"y": jnp.sin(p["x"]) * p["w"] * n, "k": n + 1}

    g = export.from_jax(f)
    p = {"x": bnp.array([0.1, 0.7]), "w": bnp.array(2.0)}
    out = bibun.jit(g)(p, 3)
    assert int(out["k"]) == 4
    np.testing.assert_allclose(out["y"], 6 * np.sin([0.1, 0.7]), rtol=1e-14)
    loss = lambda p: (g(p, 3)["y"] ** 2).sum()  # noqa: E731
    theirs = lambda p: (f(p, 3)["y"] ** 2).sum()  # noqa: E731
    want = jax.grad(theirs)(tree.map(np.asarray, p))
    for h in (bibun.grad(loss), bibun.jit(bibun.grad(loss))):
        np.testing.assert_allclose(h(p)["x"], want["x"], rtol=1e-13)
        np.testing.assert_allclose(h(p)["w"], want["w"], rtol=1e-13)
    s = export.from_jax(jnp.sin)
    assert float(bibun.grad(bibun.grad(s))(0.5)) == pytest.approx(-np.sin(0.5), rel=1e-14)
    np.testing.assert_allclose(bibun.vmap(s)(bnp.arange(3.0)), np.sin(np.arange(3.0)))


def test_there_and_back_is_the_function_itself() -> None:
    calls = []

    def f(x):
        calls.append(type(x).__name__)
        return jax.numpy.sin(x) * 2

    back = export.to_jax(export.from_jax(f))
    text = str(jax.make_jaxpr(back)(np.linspace(0, 1, 3)))
    assert "callback" not in text
    assert "sin" in text
    x = np.linspace(0.1, 1.0, 5)
    np.testing.assert_allclose(jax.jit(jax.vmap(back))(x), 2 * np.sin(x), rtol=1e-14)
    slope = jax.jit(jax.grad(lambda x: back(x).sum()))
    np.testing.assert_allclose(slope(x), 2 * np.cos(x), rtol=1e-14)


def test_jax_inside_callbacks_comes_to_an_end() -> None:
    code = """
import jax, numpy as np
jax.config.update("jax_enable_x64", True)
import bibun
from bibun import export
cos = jax.jit(jax.numpy.cos)
def f(x):
    shape = bibun.ShapeDtypeStruct(x.shape, x.dtype)
    return bibun.pure_callback(lambda a: np.asarray(cos(a)), shape, x) + export.from_jax(cos)(x)
x = np.linspace(0, 1, 300_000)
for g in (f, bibun.jit(f), export.to_jax(f), jax.jit(export.to_jax(f))):
    np.testing.assert_allclose(np.asarray(g(x)), 2 * np.cos(x), rtol=1e-12)
print("done")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                          timeout=120, env=os.environ | {"JAX_PLATFORMS": "cpu"})  # fmt: skip
    assert done.stdout.split() == ["done"], done.stderr[-2000:]
