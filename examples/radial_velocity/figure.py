"""Draw the README's picture from the results of `bibun fit`.

    python examples/radial_velocity/figure.py results/posterior.nc docs/img/k2-24.png
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import bibun
import bibun.numpy as bnp

sys.path.insert(0, str(Path(__file__).parent))
from kepler import radial_velocity
from model import EPOCH, PLANETS, YEAR

BLUE, ORANGE, INK = "#0072B2", "#D55E00", "#222222"


def main(posterior: str, picture: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import arviz

    fit: Any = arviz.from_netcdf(posterior)
    rng = np.random.default_rng(0)
    flat = fit.posterior.stack(draw_of_all=("chain", "draw"))
    pick = rng.choice(flat.sizes["draw_of_all"], 200, replace=False)
    draws = {n: bnp.asarray(flat[n].values[..., pick]) for n in flat.data_vars if flat[n].ndim == 1}
    t, vel, err = (fit.constant_data[n].values for n in ("t", "vel", "errvel"))

    def planet(name, t, draw):
        period, transit = PLANETS[name]
        k, h = draw[f"ecosw_{name}"], draw[f"esinw_{name}"]
        return radial_velocity(t, period, transit, draw[f"K_{name}"], k, h)

    def line(t, draw):
        return draw["gamma"] + draw["trend"] * (t - EPOCH) / YEAR

    @bibun.jit
    def star(t, draws):
        return bibun.vmap(
            lambda d: line(t, d) + sum(planet(n, t, d) for n in PLANETS), in_axes=0
        )(draws)

    @bibun.jit
    def parts(t, draws):
        return bibun.vmap(lambda d: {n: planet(n, t, d) for n in PLANETS}, in_axes=0)(draws)

    grid = np.linspace(t.min() - 3, t.max() + 3, 600)
    curves = np.asarray(star(grid, draws))
    at_data = {n: np.asarray(v) for n, v in parts(t, draws).items()}
    flat_line = np.asarray(bibun.vmap(lambda d: line(t, d), in_axes=0)(draws))

    plt.rcParams.update({"font.size": 9, "axes.edgecolor": "#888888", "axes.linewidth": 0.6})
    figure = plt.figure(figsize=(10, 5.6), layout="constrained")
    axes = figure.subplot_mosaic([["all", "all"], ["b", "c"]], height_ratios=(1.15, 1))
    top = axes["all"]
    top.plot(grid, curves[:80].T, color=BLUE, alpha=0.06, lw=0.8)
    top.plot(grid, np.median(curves, axis=0), color=BLUE, lw=1.6)
    top.errorbar(t, vel, err, fmt="o", color=INK, ms=4, lw=1, capsize=0)
    top.set_xlabel("time (BJD − 2454833, days)")
    top.set_ylabel("radial velocity (m/s)")
    title = f"K2-24: two planets in {len(t)} radial velocities, 80 draws of the posterior"
    top.set_title(title, loc="left")
    for name, (period, transit) in PLANETS.items():
        low, middle, high = np.quantile(flat[f"K_{name}"].values, [0.05, 0.5, 0.95])
        others = flat_line + sum(v for n, v in at_data.items() if n != name)
        phase = np.linspace(-0.5, 0.5, 300)
        folded = np.asarray(parts(transit + phase * period, draws)[name])
        x = (t - transit) / period
        a = axes[name]
        a.plot(phase, folded[:80].T, color=ORANGE, alpha=0.06, lw=0.8)
        a.plot(phase, np.median(folded, axis=0), color=ORANGE, lw=1.6)
        a.errorbar(x - np.round(x), vel - others.mean(axis=0), err, fmt="o", color=INK, ms=4, lw=1)
        a.set_xlabel(f"orbits since transit (P = {period:.2f} days)")
        a.set_ylabel("m/s")
        a.set_title(
            f"planet {name}: K = {middle:.1f} m/s (90 %: {low:.1f} to {high:.1f})", loc="left"
        )
    for a in axes.values():
        a.spines[["top", "right"]].set_visible(False)
    Path(picture).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture, dpi=120)
    print(picture)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
