"""Functions made of derivatives: how averse to risk a utility is.

Absolute risk aversion is -u''/u', relative risk aversion -x u''/u' (Arrow 1965, Pratt 1964). They
are plain functions of x, so they can be mapped and differentiated once more.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt

import bibun.numpy as bnp
from bibun import grad, jit, vmap

plt.style.use(Path(__file__).parents[1] / "bibun.mplstyle")


def utility(x, a):
    """Logarithmic utility of wealth x, shifted by a."""
    return bnp.log(a + x)


def absolute(x, a):
    slope = grad(utility)
    return -grad(slope)(x, a) / slope(x, a)


def relative(x, a):
    return x * absolute(x, a)


def along(f):
    """f over an array of x, compiled."""
    return jit(vmap(f, in_axes=(0, None)))


def aversions(out):
    x = bnp.linspace(0, 3, 200)
    figure, axes = plt.subplots()
    axes.plot(x, utility(x, 1.0), label=r"$u(x)=\log(1+x)$")
    axes.plot(x, along(absolute)(x, 1.0), ls="--", label=r"absolute: $-u''/u'$")
    axes.plot(x, along(relative)(x, 1.0), ls="-.", label=r"relative: $-x\,u''/u'$")
    axes.set(xlabel="$x$", xlim=(0, 3), ylim=(0, 1.6))
    axes.legend(loc="upper left")
    figure.savefig(out / "fig-2-3.png")


def their_slopes(out):
    figure, panels = plt.subplots(1, 3, figsize=(9.5, 3.2))
    for axes, a in zip(panels, (-1.0, 0.0, 1.0), strict=True):
        x = bnp.linspace(0.5 - a, 3 - a, 200)
        axes.plot(x, utility(x, a), label="$u$")
        axes.plot(x, along(grad(absolute))(x, a), ls="--", label=r"$\partial_x$ absolute")
        axes.plot(x, along(grad(relative))(x, a), ls="-.", label=r"$\partial_x$ relative")
        axes.set(xlabel="$x$", title=f"$A={a:.0f}$")
    panels[0].legend(loc="lower right")
    figure.suptitle(r"$u(x)=\log(A+x)$", x=0.01, ha="left", fontsize=10.5)
    figure.savefig(out / "fig-2-4.png")


def main(out):
    aversions(out)
    their_slopes(out)


if __name__ == "__main__":
    main(Path(*sys.argv[1:2]))
