"""A program on disk: another process runs it without the source; damage is a clear error."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

import bibun
import bibun.numpy as bnp
from bibun import export, lax, nn, random, store, tree
from bibun.errors import ShapeError


def roundtrip(tmp_path, f, *args, **kwargs):
    export.save(tmp_path / "f", f, *args, **kwargs)
    return export.load(tmp_path / "f")


def test_another_process_runs_it(tmp_path) -> None:
    weights = random.normal(random.key(0), (3, 3))

    def model(params, x, *, steps=3.0):
        def body(c):
            h, k = c
            return bnp.tanh(h @ weights + params["b"]), k + 1

        h, k = lax.while_loop(lambda c: c[1] < steps, body, (x, 0))
        return {"h": h, "k": (k, None)}

    params, x = {"b": bnp.array([0.1, -0.2, 0.3])}, bnp.ones((2, 3))
    export.save(tmp_path / "model", model, params, x, steps=3.0)
    loss = lambda params, x: (model(params, x)["h"] ** 2).sum()  # noqa: E731
    want = model(params, x)["h"], bibun.grad(loss)(params, x)["b"]
    code = f"""
import bibun, bibun.numpy as bnp, numpy as np
from bibun import export
f = export.load({str(tmp_path / "model")!r})
p, x = {{"b": bnp.array([0.1, -0.2, 0.3])}}, bnp.ones((2, 3))
out = f(p, x, steps=3.0)
assert out["k"][1] is None and int(out["k"][0]) == 3
g = bibun.grad(lambda p: (f(p, x, steps=3.0)["h"] ** 2).sum())(p)["b"]
v = bibun.vmap(lambda x: f(p, x, steps=3.0)["h"])(bnp.stack([x, x]))
print(out["h"].tolist(), g.tolist(), bool((v[1] == out["h"]).all()))
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    h, g, same = eval(said.stdout.replace("] [", "], [").replace("] True", "], True"))  # noqa: S307
    np.testing.assert_array_equal(h, want[0])
    np.testing.assert_allclose(g, want[1], rtol=1e-14)
    assert same


def test_programs_of_every_kind_come_back_the_same(tmp_path) -> None:
    @bibun.custom_jvp
    def twice(x):
        return 2 * x

    twice.defjvp(lambda p, t: (twice(p[0]), 7 * t[0]))

    @bibun.custom_vjp
    def thrice(x):
        return 3 * x

    thrice.defvjp(lambda x: (thrice(x), x), lambda r, ct: (5 * ct * r,))

    def f(key, x, n):
        y = x + random.normal(key, x.shape)
        y = lax.cond(n > 2, lambda y: twice(y), lambda y: thrice(y), y)
        ys = lax.scan(lambda c, v: (c * 0.5 + v, c), y[0], y)[1]
        z = bnp.linalg.cholesky(bnp.outer(y, y) + 20 * bnp.eye(3))
        return ys, z, y[n], (x > 0, x.astype(bnp.complex64) * 1j, bnp.array(np.nan) * x[0])

    args = (random.key(5), bnp.array([0.5, -0.25, 3.0]), 1)
    loaded = roundtrip(tmp_path, f, *args)
    for n in (1, 2, 0):
        given = (*args[:2], n)
        for a, b in zip(tree.leaves(loaded(*given)), tree.leaves(f(*given)), strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_allclose(a, b, rtol=1e-13)
        scalar = lambda g, x, n=n: g(args[0], x, n)[1].sum()  # noqa: E731
        np.testing.assert_allclose(
            bibun.grad(lambda x, s=scalar: s(loaded, x))(args[1]),
            bibun.grad(lambda x, s=scalar: s(f, x))(args[1]), rtol=1e-12,
        )  # fmt: skip
    with pytest.raises(IndexError, match="out of bounds"):
        loaded(*args[:2], 7)


def test_a_trained_module(tmp_path) -> None:
    model = nn.Sequential(
        nn.Linear(2, 8, rngs=nn.Rngs(0)), nn.gelu, nn.Linear(8, 1, rngs=nn.Rngs(1))
    )
    loaded = roundtrip(tmp_path, model, bibun.ShapeDtypeStruct((5, 2), float))
    x = random.normal(random.key(0), (5, 2))
    np.testing.assert_allclose(loaded(x), model(x), rtol=1e-13)
    assert "Exported" in repr(loaded) and loaded.in_tree[0][0].shape == (5, 2)


def test_arguments_are_checked(tmp_path) -> None:
    f = roundtrip(tmp_path, lambda x, y: x * y, bnp.ones(3), 2.0)
    assert f(bnp.ones(3), 4).tolist() == [4, 4, 4]
    with pytest.raises(ShapeError, match=r"leaf 0 must be f64\[3\]"):
        f(bnp.ones(4), 1.0)
    with pytest.raises(ShapeError, match="leaf 0"):
        f(bnp.ones(3, bnp.float32), 1.0)
    with pytest.raises(TypeError, match="structure"):
        f(bnp.ones(3))


def test_damage_is_told(tmp_path) -> None:
    path = tmp_path / "f"
    export.save(path, lambda x: bnp.sin(x) * bnp.arange(3.0), bnp.ones(3))
    for file in sorted(p for p in path.rglob("*") if p.is_file()):
        good = file.read_bytes()
        for k in range(0, len(good), max(1, len(good) // 7)):
            bad = bytearray(good)
            bad[k] ^= 4
            file.write_bytes(bad)
            with pytest.raises((store.CheckpointError, export.ExportError)):
                export.load(path)
        file.write_bytes(good[: len(good) // 2])
        with pytest.raises(store.CheckpointError):
            export.load(path)
        file.write_bytes(good)
    export.load(path)
    other = store.args.Composite(a=store.args.StandardSave({"a": bnp.ones(2)}))
    store.Checkpointer(store.CompositeCheckpointHandler()).save(tmp_path / "other", args=other)
    with pytest.raises(export.ExportError, match="not one that export.save wrote"):
        export.load(tmp_path / "other")
    with pytest.raises(FileNotFoundError):
        export.load(tmp_path / "nothing")


def rewritten(path, change) -> None:
    """The checkpoint with another program in it, checksums and all."""
    check = store.Checkpointer(store.CompositeCheckpointHandler())
    found = check.restore(path)
    document = json.loads(json.dumps(found["program"]))
    change(document)
    check.save(path, force=True, args=store.args.Composite(
        program=store.args.JsonSave(document),
        captured=store.args.StandardSave(found["captured"])))  # fmt: skip


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda d: d.update(version=99), export.ExportError),
        (lambda d: d["program"]["equations"][0].__setitem__(0, "no_such_op"), export.ExportError),
        (lambda d: d["program"]["equations"][0].__setitem__(1, [99]), store.CorruptCheckpointError),
        (lambda d: d["program"]["equations"][0].__setitem__(2, [["float64", [7]]]),
         store.CorruptCheckpointError),
        (lambda d: d["program"].update(outputs=["x"]), store.CorruptCheckpointError),
        (lambda d: d["program"].pop("inputs"), store.CorruptCheckpointError),
        (lambda d: d["program"]["inputs"].__setitem__(0, ["object", [3]]),
         store.CorruptCheckpointError),
    ],
)  # fmt: skip
def test_a_program_that_is_none_is_refused(tmp_path, change, error) -> None:
    path = tmp_path / "f"
    export.save(path, lambda x: bnp.sin(x), bnp.ones(3))
    rewritten(path, change)
    with pytest.raises(error):
        export.load(path)
