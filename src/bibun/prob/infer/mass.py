"""The shape of a mass matrix, full, diagonal, or full within groups of sites, and its root."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

import bibun.numpy as bnp
from bibun.prob.infer.trajectory import Metric
from bibun.prob.infer.util import FlatModel


def blocks(dense_mass: Any) -> bool | None | tuple[tuple[str, ...], ...]:
    """The option `dense_mass`: a boolean, None, or groups of site names.

    Errors: TypeError for anything else; ValueError for a site in two groups.
    """
    if dense_mass is None or isinstance(dense_mass, bool | np.bool_):
        return None if dense_mass is None else bool(dense_mass)
    if isinstance(dense_mass, str) or not hasattr(dense_mass, "__iter__"):
        raise TypeError(
            f"dense_mass must be True, False, None or a list of tuples of sites, got {dense_mass!r}"
        )
    groups = []
    for group in dense_mass:
        if isinstance(group, str) or not all(isinstance(n, str) for n in group):
            raise TypeError(
                f"dense_mass: each group must be a tuple of site names, got {group!r}; "
                "write [('a', 'b'), ('c',)]"
            )
        groups.append(tuple(group))
    names = [n for group in groups for n in group]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise ValueError(f"dense_mass: sites {twice} are in more than one place")
    return tuple(groups)


def _places(flat: FlatModel | None, names: tuple[str, ...], what: str) -> np.ndarray:
    """Where the values of some sites are in the flat vector, in the order of `names`."""
    if flat is None:
        raise ValueError(f"{what} names sites, which needs a model, not a potential_fn")
    missing = [n for n in names if n not in flat.sizes]
    if missing:
        raise ValueError(f"{what} has {missing}; the model's latent sites are {list(flat.sizes)}")
    starts = dict(zip(flat.sizes, np.cumsum([0, *flat.sizes.values()]), strict=False))
    return np.concatenate([starts[n] + np.arange(flat.sizes[n]) for n in names])


def only_blocks(cov: np.ndarray, groups: Any, flat: FlatModel | None) -> np.ndarray:
    """A covariance with zeros where no group of `groups` has both values."""
    if not isinstance(groups, tuple) or cov.ndim == 1:
        return cov
    allowed = np.eye(len(cov), dtype=bool)
    for group in groups:
        at = _places(flat, group, "dense_mass")
        allowed[np.ix_(at, at)] = True
    return np.where(allowed, cov, 0.0)


def from_sites(given: Mapping[Any, Any], flat: FlatModel | None) -> np.ndarray:
    """A covariance from parts: (site, …) -> matrix or vector of variances; 1 elsewhere.

    Errors: ValueError, naming the sites, where a part has the wrong size.
    """
    if flat is None:
        raise ValueError("inverse_mass_matrix names sites, which needs a model")
    cov = np.eye(flat.dimension)
    diagonal = True
    for names, part in given.items():
        names = (names,) if isinstance(names, str) else tuple(names)
        at = _places(flat, names, "inverse_mass_matrix")
        part = np.asarray(part, dtype=float)
        if part.shape not in ((len(at),), (len(at), len(at))) and part.size != 1:
            raise ValueError(
                f"inverse_mass_matrix of {names} has shape {part.shape}; they have "
                f"{len(at)} unconstrained values"
            )
        if part.ndim == 2 and math.prod(part.shape) > 1:
            diagonal = False
            cov[np.ix_(at, at)] = part
        else:
            cov[at, at] = part.reshape(-1)
    return np.diag(cov).copy() if diagonal else cov


def metric(inverse_mass: np.ndarray) -> Metric:
    """The metric of an inverse mass matrix: a vector of variances, or a covariance.

    The root is that of the correlations, whose eigenvalues do not lose the small scales.
    Errors: ValueError where it is not positive definite.
    """
    variances = inverse_mass if inverse_mass.ndim == 1 else np.diag(inverse_mass)
    least = variances.min(initial=np.inf)
    if not least > 0:
        raise ValueError(f"inverse_mass_matrix has a variance of {least}; all must be positive")
    scale = np.sqrt(variances)
    if inverse_mass.ndim == 1:
        return Metric(bnp.array(scale))
    values, vectors = np.linalg.eigh(inverse_mass / scale[:, None] / scale)
    if not values[0] > 0:
        raise ValueError(
            "inverse_mass_matrix is not positive definite: its correlations have the eigenvalue "
            f"{values[0]:.3g}"
        )
    root = (vectors * np.sqrt(values)) @ vectors.T
    root[np.abs(root) < 1e-14] = 0.0  # rounding between groups that have no correlations
    return Metric(bnp.array(scale), bnp.array(root))
