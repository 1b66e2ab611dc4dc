"""Hilbert space Gaussian processes in models, by NumPyro's names; see `bibun.gp.hsgp`."""
