"""`bibun.scipy.signal`: convolution, smoothing, and spectra of signals."""

from __future__ import annotations

from bibun.scipy.signal._convolution import (
    convolve,
    convolve2d,
    correlate,
    correlate2d,
    fftconvolve,
)
from bibun.scipy.signal._detrend import detrend
from bibun.scipy.signal._savgol import savgol_coeffs, savgol_filter
from bibun.scipy.signal._spectral import (
    coherence,
    csd,
    istft,
    periodogram,
    spectrogram,
    stft,
    welch,
)

__all__ = [
    "coherence", "convolve", "convolve2d", "correlate", "correlate2d", "csd", "detrend",
    "fftconvolve", "istft", "periodogram", "savgol_coeffs", "savgol_filter", "spectrogram", "stft",
    "welch",
]  # fmt: skip
