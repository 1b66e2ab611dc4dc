"""Effective draws per gradient of NUTS, bibun against NumPyro.

    python -m benchmarks.ess_per_gradient --peer-python /path/to/python [--only NAME] [--json FILE]

Counts, not times: leapfrog steps are what the samplers themselves report, so no quiet machine
is needed. The figure is the smallest bulk ESS of a latent parameter over the number of
gradients of the draws, warmup apart. The adaptation of every chain is part of it: a chain's
figure is computed alone, their mean and its standard error are reported. `--variants` names
the adaptations of bibun to compare. The table is kept in `docs/design/0003-sampler.md`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

VARIANTS: dict[str, dict[str, Any]] = {
    "default": {},
    "diagonal": {"dense_mass": False},
    "full": {"dense_mass": True},
    "gradients": {"mass_matrix_from": "gradients", "dense_mass": False},
    "draws": {"mass_matrix_from": "draws", "dense_mass": False},
    "draws-full": {"mass_matrix_from": "draws", "dense_mass": True},
}
ROOT = Path(__file__).resolve().parents[1]


def run(stack: str, name: str, options: dict[str, Any], sizes: dict[str, int], out: str) -> None:
    """Sample one posterior with one stack and store draws and leapfrog steps."""
    from benchmarks.posteriors import latent, sampler
    from benchmarks.stack import Stack

    lib = Stack(stack)
    mcmc, data = sampler(lib, name, sizes, options)
    fields = {"extra_fields": ("num_steps",)} if stack == "jax" else {}
    key = lib.random.PRNGKey(sizes["seed"])
    mcmc.warmup(key, *data, collect_warmup=True, **fields)
    warm = np.asarray(mcmc.get_extra_fields(group_by_chain=True)["num_steps"])
    mcmc.run(lib.random.fold_in(key, 1), *data, **fields)
    steps = np.asarray(mcmc.get_extra_fields(group_by_chain=True)["num_steps"])
    draws = {f"x_{k}": v for k, v in latent(mcmc).items()}
    np.savez(out, warmup_steps=warm, steps=steps, **draws)


def measure(found: Any) -> dict[str, float]:
    """The figures of one stored run."""
    from benchmarks.posteriors import columns
    from bibun.prob.diagnostics import effective_sample_size, ess_bulk, rhat

    x = columns({k: v for k, v in found.items() if k.startswith("x_")})
    steps = found["steps"].sum(axis=1)
    each = np.array([effective_sample_size(c[None]) for c in x])  # (chains, parameters)
    worst = int(np.argmin(each.mean(axis=0)))
    rates = each[:, worst] / steps
    return {
        "ess_per_gradient": float(rates.mean()),
        "error": float(rates.std(ddof=1) / np.sqrt(len(rates))),
        "ess_bulk": float(ess_bulk(x).min()),
        "pooled": float(ess_bulk(x).min() / steps.sum()),
        "steps_per_draw": float(found["steps"].mean()),
        "warmup_gradients": float(found["warmup_steps"].sum(axis=1).mean()),
        "rhat": float(rhat(x).max()),
    }


def start(python: str, stack: str, name: str, options: dict[str, Any], sizes: Any) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "run.npz")
        order = json.dumps([stack, name, options, sizes, out])
        paths = [str(ROOT), str(ROOT / "src")]
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "JAX_PLATFORMS": "cpu"}
        command = [python, "-m", "benchmarks.ess_per_gradient", "--worker", order]
        subprocess.run(command, check=True, env=env, cwd=ROOT)
        with np.load(out) as f:
            return measure(dict(f))


def table(results: dict[str, dict[str, dict[str, float]]]) -> str:
    """The results as a Markdown table, ESS per 1000 gradients and the ratio to NumPyro's."""
    kinds = list(next(iter(results.values())))
    head = ["posterior", *kinds, *(f"{k} / NumPyro" for k in kinds if k != "NumPyro")]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for name, row in results.items():
        cells = [f"{1e3 * r['ess_per_gradient']:.1f} ± {1e3 * r['error']:.1f}"
                 for r in row.values()]  # fmt: skip
        if "NumPyro" in row:
            base = row["NumPyro"]["ess_per_gradient"]
            cells += [f"{r['ess_per_gradient'] / base:.2f}" for k, r in row.items()
                      if k != "NumPyro"]  # fmt: skip
        lines.append("| " + " | ".join([name.split("-")[-1], *cells]) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--peer-python", help="a Python that has JAX and NumPyro")
    parser.add_argument("--only", action="append", help="a posterior; may be given again")
    parser.add_argument("--variants", nargs="*", choices=VARIANTS, default=["default", "draws"])
    parser.add_argument("--chains", type=int, default=8)
    parser.add_argument("--warmup", type=int, default=1000)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", help="where to store all figures")
    given = parser.parse_args()
    if given.worker:
        run(*json.loads(given.worker))
        return
    from benchmarks.posteriors import POSTERIORS

    sizes = {k: getattr(given, k) for k in ("chains", "warmup", "draws", "seed")}
    orders = [(e, sys.executable, "bibun", VARIANTS[e]) for e in given.variants]
    if given.peer_python:
        orders.append(("NumPyro", given.peer_python, "jax", {}))
    results: dict[str, Any] = {}
    for name in given.only or POSTERIORS:
        results[name] = {}
        for kind, python, stack, options in orders:
            figures = start(python, stack, name, options, sizes)
            results[name][kind] = figures
            shown = " ".join(f"{k} {v:.4g}" for k, v in figures.items())
            print(f"{name} {kind}: {shown}", file=sys.stderr, flush=True)
    print(table(results))
    if given.json:
        Path(given.json).write_text(json.dumps({"sizes": sizes, "results": results}, indent=1))


if __name__ == "__main__":
    main()
