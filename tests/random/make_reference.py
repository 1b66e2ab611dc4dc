"""Write reference.json: draws of JAX 0.10.2, which bibun.random must reproduce.

Run with a Python that has JAX (never one of bibun's dependencies):
    JAX_ENABLE_X64=1 python tests/random/make_reference.py
A case is a function, a seed and its keyword arguments; lists become arrays, except shapes.
"""

from __future__ import annotations

import json
import pathlib

CASES = [
    *(("bits", {"shape": s, "dtype": d})
      for s in ([], [1], [5], [3, 5], [2, 3, 3])
      for d in ("uint8", "uint16", "uint32", "uint64")),
    *(("uniform", {"shape": s, "dtype": d})
      for s in ([], [7], [3, 3]) for d in ("float32", "float64")),
    ("uniform", {"shape": [2, 3], "minval": -2.0, "maxval": [1.0, 2.0, 3.0]}),
    *(("normal", {"shape": s, "dtype": d})
      for s in ([], [9], [2, 1, 3]) for d in ("float32", "float64", "complex128")),
    *(("randint", {"shape": [6], "minval": a, "maxval": b, "dtype": d})
      for a, b, d in ((0, 10, "int64"), (-5, 1000003, "int32"), (0, 256, "uint8"),
                      (3, 3, "int64"), (0, 2**62, "int64"), (-128, 128, "int8"))),
    ("bernoulli", {"p": 0.3, "shape": [11]}),
    ("bernoulli", {"p": [0.1, 0.5, 0.9]}),
    ("bernoulli", {"p": 1e-3, "shape": [40], "mode": "high"}),
    *((n, {"shape": s, "dtype": d})
      for n in ("exponential", "gumbel", "laplace", "logistic", "cauchy", "maxwell")
      for s, d in (([5], "float64"), ([2, 3], "float32"))),
    ("gumbel", {"shape": [4], "mode": "high"}),
    ("rademacher", {"shape": [9]}),
    ("truncated_normal", {"lower": -0.5, "upper": 2.0, "shape": [6]}),
    ("truncated_normal", {"lower": [0.0, 4.0], "upper": [1.0, 9.0]}),
    *(("gamma", {"a": a, "shape": [5]}) for a in (0.1, 1.0, 4.5, 300.0)),
    ("gamma", {"a": [[0.2, 1.5], [3.0, 20.0]]}),
    ("loggamma", {"a": [0.001, 0.5, 2.0]}),
    ("loggamma", {"a": 2.5, "shape": [3], "dtype": "float32"}),
    ("beta", {"a": 0.5, "b": [0.5, 2.0, 30.0]}),
    ("dirichlet", {"alpha": [0.3, 1.0, 5.0], "shape": [4]}),
    ("t", {"df": 3.0, "shape": [5]}),
    ("chisquare", {"df": 2.5, "shape": [5]}),
    ("f", {"dfnum": 3.0, "dfden": 7.0, "shape": [4]}),
    *(("poisson", {"lam": lam, "shape": [8]}) for lam in (0.0, 0.5, 4.0, 12.0, 3000.0)),
    ("poisson", {"lam": [0.1, 9.0, 50.0]}),
    *(("binomial", {"n": n, "p": p, "shape": [8]}) for n, p in ((5, 0.3), (10, 0.8), (30, 0.1))),
    ("binomial", {"n": 400.0, "p": [0.25, 0.5, 0.9]}),
    ("geometric", {"p": [0.05, 0.5, 0.9]}),
    ("multinomial", {"n": 20.0, "p": [0.2, 0.3, 0.5]}),
    ("categorical", {"logits": [0.0, 1.0, 2.0, -1.0], "shape": [10]}),
    ("categorical", {"logits": [[0.0, 1.0], [2.0, -1.0], [0.3, 0.4]]}),
    ("categorical", {"logits": [[0.0, 1.0], [2.0, -1.0], [0.3, 0.4]], "axis": 0, "shape": [4, 2]}),
    ("categorical", {"logits": [0.0, 1.0, 2.0, -1.0], "shape": [3], "replace": False}),
    ("permutation", {"x": 13}),
    ("permutation", {"x": [1.0, 2.0, 3.0, 4.0, 5.0]}),
    ("permutation", {"x": [[1, 2, 3], [4, 5, 6], [7, 8, 9]], "axis": 1}),
    ("permutation", {"x": [[1, 2, 3], [4, 5, 6]], "axis": 1, "independent": True}),
    ("choice", {"a": 10, "shape": [6]}),
    ("choice", {"a": 10, "shape": [2, 3], "replace": False}),
    ("choice", {"a": [10.0, 20.0, 30.0], "shape": [5], "p": [0.2, 0.5, 0.3]}),
    ("choice", {"a": 5, "shape": [3], "p": [0.1, 0.2, 0.3, 0.2, 0.2], "replace": False}),
    ("choice", {"a": [[1, 2], [3, 4], [5, 6]], "shape": [4], "axis": 0}),
    *(("multivariate_normal", {"mean": [1.0, -1.0], "cov": [[2.0, 0.5], [0.5, 1.0]], "shape": [3],
                                   "method": m}) for m in ("cholesky",)),
    ("orthogonal", {"n": 3}),
    ("orthogonal", {"n": 2, "m": 4, "shape": [2]}),
    ("generalized_normal", {"p": 1.5, "shape": [4]}),
    ("ball", {"d": 3, "shape": [4]}),
    ("ball", {"d": 2, "p": 1.0, "shape": [3]}),
    ("pareto", {"b": [1.0, 3.0]}),
    ("rayleigh", {"scale": [1.0, 2.0], "shape": [3, 2]}),
    ("weibull_min", {"scale": 2.0, "concentration": 1.5, "shape": [4]}),
    ("wald", {"mean": 1.5, "shape": [5]}),
    ("double_sided_maxwell", {"loc": 1.0, "scale": 2.0, "shape": [5]}),
    ("lognormal", {"sigma": 0.7, "shape": [4]}),
    ("triangular", {"left": -1.0, "mode": 0.5, "right": 2.0, "shape": [6]}),
]  # fmt: skip

SEEDS = [0, 42, -1, 2**40 + 17]


def main() -> None:
    import jax
    import jax.numpy as jnp
    import numpy as np

    def argument(name, value):
        if name == "shape":
            return tuple(value)
        return jnp.array(value) if isinstance(value, list) else value

    def plain(x):
        x = np.asarray(x)
        return [x.real.tolist(), x.imag.tolist()] if x.dtype.kind == "c" else x.tolist()

    draws = []
    for i, (name, kwargs) in enumerate(CASES):
        seed = SEEDS[i % 2]
        given = {k: argument(k, v) for k, v in kwargs.items()}
        if name == "rayleigh":
            given["scale"] = jnp.asarray(given["scale"])
        if name == "wald":
            given["mean"] = jnp.asarray(given["mean"])
        out = getattr(jax.random, name)(jax.random.key(seed), **given)
        draws.append({"name": name, "seed": seed, "kwargs": kwargs, "dtype": str(out.dtype),
                          "shape": list(out.shape), "value": plain(out)})  # fmt: skip
    keys = []
    for seed in SEEDS:
        k = jax.random.key(seed)
        data = jax.random.key_data
        keys.append({
            "seed": seed, "data": plain(data(k)), "split": plain(data(jax.random.split(k))),
            "split5": plain(data(jax.random.split(k, 5))),
            "split23": plain(data(jax.random.split(k, (2, 3)))),
            "fold": [plain(data(jax.random.fold_in(k, n))) for n in (0, 7, 2**32 - 1)],
        })  # fmt: skip
    grads = []
    for name in ("gamma", "loggamma"):
        for a in (0.05, 0.7, 3.0, 50.0):
            g = jax.grad(lambda a, name=name: getattr(jax.random, name)(jax.random.key(1), a))(a)
            grads.append({"name": name, "a": a, "grad": float(g)})
    batched = plain(jax.vmap(lambda k: jax.random.gamma(k, 0.7, (3,)))(
        jax.random.split(jax.random.key(5), 4)))  # fmt: skip
    path = pathlib.Path(__file__).with_name("reference.json")
    path.write_text(json.dumps(
        {"jax": jax.__version__, "draws": draws, "keys": keys, "gradients": grads, "vmap_gamma": batched},
        separators=(",", ":")) + "\n")  # fmt: skip
    print(path.stat().st_size, "bytes,", len(draws), "cases")


if __name__ == "__main__":
    main()
