"""Write reference.json: draws and densities of NumPyro 0.22, for bibun.prob to reproduce.

Run with a Python that has NumPyro (never one of bibun's dependencies):
    JAX_ENABLE_X64=1 python tests/prob/make_reference.py
"""

from __future__ import annotations

import json
import pathlib

CASES = [
    ("Normal", [1.0, 2.0], {}),
    ("HalfNormal", [1.5], {}),
    ("LogNormal", [0.3, 0.7], {}),
    ("Uniform", [-1.0, 3.0], {}),
    ("Exponential", [0.7], {}),
    ("Gamma", [2.5, 1.5], {}),
    ("Gamma", [0.4], {}),
    ("InverseGamma", [3.5, 2.0], {}),
    ("Chi2", [3.0], {}),
    ("Beta", [2.0, 3.5], {}),
    ("Cauchy", [0.5, 1.5], {}),
    ("HalfCauchy", [1.5], {}),
    ("StudentT", [4.0, 0.5, 1.5], {}),
    ("Laplace", [0.5, 1.5], {}),
    ("Logistic", [0.5, 1.5], {}),
    ("Gumbel", [0.5, 1.5], {}),
    ("Weibull", [2.0, 1.5], {}),
    ("Pareto", [1.5, 3.5], {}),
    ("TruncatedNormal", [1.0, 2.0], {"low": 0.0, "high": 3.0}),
    ("TruncatedNormal", [1.0, 2.0], {"low": 0.0}),
    ("BernoulliProbs", [0.3], {}),
    ("BernoulliLogits", [-0.7], {}),
    ("Poisson", [3.5], {}),
    ("BinomialProbs", [0.35, 10], {}),
    ("CategoricalProbs", [[0.2, 0.3, 0.5]], {}),
    ("CategoricalLogits", [[0.2, 0.3, 0.5]], {}),
    ("Dirichlet", [[0.7, 2.0, 3.0]], {}),
    ("MultivariateNormal", [[1.0, -1.0]], {"covariance_matrix": [[2.0, 0.5], [0.5, 1.0]]}),
    ("MultivariateNormal", [[1.0, -1.0]], {"precision_matrix": [[2.0, 0.5], [0.5, 1.0]]}),
    ("LKJCholesky", [3, 1.7], {}),
]

# densities alone, at given values: draws of these are made in another way
DENSITIES = [
    ("Dagum", [1.5, 2.5, 0.7], {}, [0.1, 0.9, 4.0]),
    ("Gompertz", [0.7, 1.3], {}, [0.1, 0.9, 2.0]),
    ("Levy", [0.5, 1.2], {}, [0.6, 1.7, 40.0]),
    ("LowerTruncatedPowerLaw", [-2.5, 0.5], {}, [0.6, 1.7, 40.0]),
    ("DoublyTruncatedPowerLaw", [-2.5, 0.5, 5.0], {}, [0.6, 1.7, 4.9]),
    ("DoublyTruncatedPowerLaw", [-1.0, 0.5, 5.0], {}, [0.6, 1.7, 4.9]),
    ("HurdlePoisson", [0.3, 1.5], {}, [0, 1, 4]),
    ("HurdleNegativeBinomial2", [0.3, 1.5, 2.0], {}, [0, 1, 4]),
    ("HurdleGamma", [0.3, 1.5, 2.0], {}, [0.0, 0.4, 3.0]),
    ("HurdleLogNormal", [0.3, 0.1, 0.8], {}, [0.0, 0.4, 3.0]),
    ("NegativeBinomial", [3.0], {"probs": 0.3}, [0, 1, 6]),
    ("NegativeBinomial", [3.0], {"logits": -0.4}, [0, 1, 6]),
    ("GeometricLogits", [-0.4], {}, [0, 1, 6]),
    ("BetaNegativeBinomial", [2.0, 3.5, 4.0], {}, [0, 1, 6]),
    ("OrderedLogistic", [0.3, [-1.0, 0.2, 1.5]], {}, [0, 2, 3]),
    ("MultinomialLogits", [[0.2, -0.4, 1.0], 5], {}, [[1, 1, 3], [0, 5, 0]]),
    ("DirichletMultinomial", [[0.7, 2.0, 1.1], 5], {}, [[1, 1, 3], [0, 5, 0]]),
    ("LKJ", [3, 1.7], {}, [[[1.0, 0.2, -0.1], [0.2, 1.0, 0.5], [-0.1, 0.5, 1.0]]]),
    ("InverseWishart", [5.0], {"scale_matrix": [[2.0, 0.5], [0.5, 1.0]]},
     [[[1.0, 0.3], [0.3, 0.8]], [[0.4, -0.1], [-0.1, 2.0]]]),
    ("InverseWishart", [5.0], {"rate_matrix": [[2.0, 0.5], [0.5, 1.0]]},
     [[[1.0, 0.3], [0.3, 0.8]]]),
    ("GaussianCopulaBeta", [[2.0, 3.0], [1.5, 2.5], [[1.0, 0.6], [0.6, 1.0]]], {},
     [[0.3, 0.7], [0.9, 0.2]]),
    ("LeftTruncatedDistribution", ["Normal"], {"low": 0.5}, [0.6, 2.0]),
    ("TwoSidedTruncatedDistribution", ["Normal"], {"low": -0.5, "high": 1.0}, [-0.4, 0.9]),
]  # fmt: skip


def main() -> None:
    import jax
    import jax.numpy as jnp
    import numpy as np
    import numpyro
    import numpyro.distributions as dist
    from numpyro import handlers

    def given(x):
        if x == "Normal":
            return dist.Normal(0.0, 1.0)
        return jnp.array(x) if isinstance(x, list) else x

    draws = []
    for name, args, kwargs in CASES:
        d = getattr(dist, name)(*map(given, args), **{k: given(v) for k, v in kwargs.items()})
        x = d.sample(jax.random.PRNGKey(3), (4,))
        draws.append({
            "name": name, "args": args, "kwargs": kwargs, "draws": np.asarray(x).tolist(),
            "log_prob": np.asarray(d.log_prob(x)).tolist(),
        })  # fmt: skip

    densities = []
    for name, args, kwargs, values in DENSITIES:
        d = getattr(dist, name)(*map(given, args), **{k: given(v) for k, v in kwargs.items()})
        lp = np.asarray(d.log_prob(jnp.array(values))).tolist()
        densities.append(
            {"name": name, "args": args, "kwargs": kwargs, "values": values, "log_prob": lp}
        )

    def model():
        a = numpyro.sample("a", dist.Normal(0.0, 1.0))
        with numpyro.plate("N", 4):
            b = numpyro.sample("b", dist.Gamma(2.0, 1.0))
            with numpyro.plate("M", 2):
                numpyro.sample("c", dist.Normal(a, b))
        with numpyro.plate("K", 10, subsample_size=3) as i:
            numpyro.sample("d", dist.Exponential(1.0 + i))
        numpyro.sample("e", dist.Normal(jnp.zeros((1, 3)), 1.0).expand([2, 3]).to_event(1))

    trace = handlers.trace(handlers.seed(model, 5)).get_trace()
    sites = {k: np.asarray(v["value"]).tolist() for k, v in trace.items()}
    path = pathlib.Path(__file__).with_name("reference.json")
    reference = {"numpyro": numpyro.__version__, "draws": draws, "densities": densities,
                 "model": sites}  # fmt: skip
    path.write_text(json.dumps(reference, separators=(",", ":")) + "\n")
    print(path.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
