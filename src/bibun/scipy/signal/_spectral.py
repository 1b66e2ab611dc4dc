"""Spectra of signals in time: transforms of windowed segments, and what is averaged over them.

Welch (1967): the power spectrum is the mean over overlapping segments of |FFT(window × segment)|²;
one segment alone is as noisy as it is fine. The same segments, kept, are the short-time transform
(Allen & Rabiner 1977), which overlapping and adding inverts. Names, scalings and what happens at
the ends are SciPy's. Everything is linear or quadratic in the signal and differentiates as such.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import bibun.numpy as bnp
from bibun.array import Value
from bibun.errors import ShapeError
from bibun.numpy._common import axis_index, one_of, promote_inexact, value
from bibun.scipy.signal._detrend import detrend as _detrend

__all__ = ["coherence", "csd", "istft", "periodogram", "spectrogram", "stft", "welch"]

_EXTENSIONS = {"zeros": "constant", "constant": "edge", "even": "reflect", "odd": "reflect"}


class _Segments(NamedTuple):
    """A window, how many elements it has, of how many are shared, and the transform's length."""

    window: Any
    size: int
    overlap: int
    nfft: int

    @property
    def step(self) -> int:
        return self.size - self.overlap


def _segmentation(name: str, window: Any, nperseg: Any, noverlap: Any, nfft: Any,
                  length: int | None = None) -> _Segments:  # fmt: skip
    """Settings made whole. Errors: ValueError where they contradict each other."""
    if isinstance(window, str | tuple):
        from scipy.signal import get_window

        size = 256 if nperseg is None else int(nperseg)
        if length is not None and size > length:
            if nperseg is not None:
                warnings.warn(
                    f"{name}: nperseg={size} is longer than the signal; {length} is used",
                    stacklevel=3,
                )
            size = length
        if size < 1:
            raise ValueError(f"{name}: nperseg must be positive, got {size}")
        w: Any = get_window(window, size)
    else:
        w = bnp.asarray(window)
        if w.ndim != 1 or (length is not None and w.shape[0] > length):
            raise ShapeError(
                f"{name}: a window of shape {w.shape} must be 1-d and fit into the signal"
            )
        size = w.shape[0]
        if nperseg is not None and nperseg != size:
            raise ValueError(f"{name}: nperseg={nperseg} is not the window's length {size}")
    overlap = size // 2 if noverlap is None else int(noverlap)
    n = size if nfft is None else int(nfft)
    if n < size:
        raise ValueError(f"{name}: nfft={n} must be at least nperseg={size}")
    if not 0 <= overlap < size:
        raise ValueError(f"{name}: noverlap={overlap} must be less than nperseg={size}")
    return _Segments(w, size, overlap, n)


def _without_trend(name: str, kind: Any) -> Callable[[Value], Value]:
    if callable(kind):
        return kind
    if kind is False or kind is None:
        return lambda frames: frames
    one_of(name, "detrend", kind, ("linear", "l", "constant", "c", False))
    return lambda frames: _detrend(frames, axis=-1, type=kind)


def _spectra(
    name: str, x: Any, y: Any, fs: Any, window: Any, nperseg: Any, noverlap: Any, nfft: Any,
    detrend: Any, onesided: bool, scaling: str, axis: int, mode: str, boundary: str | None = None,
    padded: bool = False,
) -> tuple[Value, Value, Value]:  # fmt: skip
    """(frequencies, times, spectra): frequencies along `axis`, times in a new last axis."""
    one_of(name, "scaling", scaling, ("density", "spectrum", "psd"))
    one_of(name, "boundary", boundary, (None, *_EXTENSIONS))
    alone = y is None or y is x
    given = [bnp.asarray(x)] if alone else [bnp.asarray(x), bnp.asarray(y)]
    signals = [value(name, "x", v) for v in promote_inexact(name, *given)]
    signals = [bnp.moveaxis(v, axis_index(name, axis, v.ndim), -1) for v in signals]
    if not alone:
        lead = np.broadcast_shapes(*(v.shape[:-1] for v in signals))
        n = max(v.shape[-1] for v in signals)
        signals = [bnp.broadcast_to(_longer(v, n), (*lead, n)) for v in signals]
    if signals[0].size == 0:
        raise ShapeError(f"{name}: the signal of shape {signals[0].shape} has no elements")
    k = axis_index(name, axis, signals[0].ndim)
    parts = _segmentation(name, window, nperseg, noverlap, nfft, signals[0].shape[-1])
    w, size, _, n = parts
    half = size // 2
    if boundary is not None:
        ends = [(0, 0)] * (signals[0].ndim - 1) + [(half, half)]
        kind = "odd" if boundary == "odd" else "even"
        signals = [bnp.pad(v, ends, _EXTENSIONS[boundary], reflect_type=kind) for v in signals]
    length = signals[0].shape[-1]
    if padded:
        length += (-(length - size) % parts.step) % size
        signals = [_longer(v, length) for v in signals]
    starts = np.arange(0, length - size + 1, parts.step)
    complex_ = signals[0].dtype.kind == "c" or np.dtype(w.dtype).kind == "c"
    onesided = onesided and not complex_
    transform = bnp.fft.rfft if onesided else bnp.fft.fft
    trendless = _without_trend(name, detrend)
    w = w.astype(bnp.result_type(signals[0].dtype, w.dtype) if w.dtype.kind == "c"
                 else signals[0].real.dtype)  # fmt: skip

    def transformed(v: Value) -> Value:
        frames = bnp.take(v, starts[:, None] + np.arange(size), axis=-1, mode="clip")
        return transform(trendless(frames) * w, n, -1)

    out = transformed(signals[0])
    if mode == "psd":
        other = out if alone else transformed(signals[1])
        out = bnp.real(out) ** 2 + bnp.imag(out) ** 2 if alone else bnp.conj(out) * other
    power = bnp.sum(bnp.real(w * bnp.conj(w))) * fs
    scale = 1.0 / (power if scaling in ("density", "psd") else bnp.abs(bnp.sum(w)) ** 2)
    out = out * (bnp.sqrt(scale) if mode == "stft" else scale)
    if onesided and mode == "psd":  # the other half of the spectrum, which is its mirror image
        twice = np.full(out.shape[-1], 2.0)
        twice[0] = 1.0
        if n % 2 == 0:
            twice[-1] = 1.0
        out = out * twice.astype(bnp.real(out).dtype)
    frequencies = (bnp.fft.rfftfreq if onesided else bnp.fft.fftfreq)(n, 1.0) * fs
    times = (starts + (size / 2 if boundary is None else 0)) / fs
    out = bnp.moveaxis(out, -1, k)
    return bnp.asarray(frequencies), bnp.asarray(times), out


def _longer(x: Value, n: int) -> Value:
    more = n - x.shape[-1]
    return bnp.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, more)]) if more else x


def csd(x: Any, y: Any, fs: Any = 1.0, window: Any = "hann", nperseg: int | None = None,
        noverlap: int | None = None, nfft: int | None = None, detrend: Any = "constant",
        return_onesided: bool = True, scaling: str = "density", axis: int = -1,
        average: str = "mean") -> tuple[Value, Value]:  # fmt: skip
    """(frequencies, cross power spectral density) of two signals, by Welch's method.

    fs: samples a unit of time. window: a name (or tuple) of `scipy.signal.get_window`, or an
    array. nperseg: length of a segment (256, or the signal's); noverlap: elements that neighbours
    share (half); nfft: length of the transform. detrend: "constant", "linear", a function or
    False. scaling: "density" (per frequency) or "spectrum". average: "mean" or "median" over
    segments. Errors: ValueError for settings that contradict each other, ShapeError.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import signal
    >>> x = bnp.sin(2 * bnp.pi * 0.25 * bnp.arange(64))
    >>> f, p = signal.csd(x, 2 * x, nperseg=16)
    >>> print(f[bnp.argmax(abs(p))])
    0.25
    """
    one_of("csd", "average", average, ("mean", "median"))
    frequencies, _, out = _spectra(
        "csd", x, y, fs, window, nperseg, noverlap, nfft, detrend, return_onesided, scaling,
        axis, "psd",
    )  # fmt: skip
    if average == "mean":
        return frequencies, bnp.mean(out, -1)
    n = out.shape[-1]
    # the median of n squares is below their mean by this factor (Allen et al. 2012, appendix B)
    even = 2 * np.arange(1.0, (n - 1) // 2 + 1)
    bias = 1 + np.sum(1 / (even + 1) - 1 / even)
    if out.dtype.kind == "c":
        middle = bnp.median(bnp.real(out), -1) + 1j * bnp.median(bnp.imag(out), -1)
    else:
        middle = bnp.median(out, -1)
    return frequencies, middle / bias


def welch(x: Any, fs: Any = 1.0, window: Any = "hann", nperseg: int | None = None,
          noverlap: int | None = None, nfft: int | None = None, detrend: Any = "constant",
          return_onesided: bool = True, scaling: str = "density", axis: int = -1,
          average: str = "mean") -> tuple[Value, Value]:  # fmt: skip
    """(frequencies, power spectral density) of a signal; arguments as in `csd`.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import signal
    >>> f, p = signal.welch(bnp.cos(bnp.pi * bnp.arange(64)), nperseg=8)
    >>> print(f[bnp.argmax(p)])
    0.5
    """
    frequencies, density = csd(x, None, fs, window, nperseg, noverlap, nfft, detrend,
                               return_onesided, scaling, axis, average)  # fmt: skip
    return frequencies, bnp.real(density)


def periodogram(x: Any, fs: Any = 1.0, window: Any = "boxcar", nfft: int | None = None,
                detrend: Any = "constant", return_onesided: bool = True,
                scaling: str = "density", axis: int = -1) -> tuple[Value, Value]:  # fmt: skip
    """(frequencies, power spectral density) from one segment, the whole signal.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import signal
    >>> print(signal.periodogram(bnp.array([1.0, -1.0, 1.0, -1.0]))[1].round(12))
    [0. 0. 4.]
    """
    shape = np.shape(x)
    n = shape[axis_index("periodogram", axis, len(shape))]
    size = n if nfft is None else min(n, nfft)
    if size < n:
        x = bnp.take(bnp.asarray(x), np.arange(size), axis=axis)
    return welch(x, fs, window, size, 0, nfft, detrend, return_onesided, scaling, axis)


def coherence(x: Any, y: Any, fs: Any = 1.0, window: Any = "hann", nperseg: int | None = None,
              noverlap: int | None = None, nfft: int | None = None, detrend: Any = "constant",
              axis: int = -1) -> tuple[Value, Value]:  # fmt: skip
    """(frequencies, |cross density|² over both densities), from 0 to 1; arguments as in `csd`.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import signal
    >>> x = bnp.sin(bnp.arange(64.0) ** 1.5)
    >>> print(signal.coherence(x, 3 * x, nperseg=16)[1].round(9).min())
    1.0
    """
    rest = (fs, window, nperseg, noverlap, nfft, detrend, True, "density", axis)
    frequencies, own = welch(x, *rest)
    _, others = welch(y, *rest)
    _, cross = csd(x, y, *rest)
    return frequencies, (bnp.real(cross) ** 2 + bnp.imag(cross) ** 2) / own / others


def spectrogram(x: Any, fs: Any = 1.0, window: Any = ("tukey", 0.25), nperseg: int | None = None,
                noverlap: int | None = None, nfft: int | None = None, detrend: Any = "constant",
                return_onesided: bool = True, scaling: str = "density", axis: int = -1,
                mode: str = "psd") -> tuple[Value, Value, Value]:  # fmt: skip
    """(frequencies, times, spectra): power by segment; times run along the last axis.

    noverlap: an eighth of nperseg by default. mode: "psd", "complex" (the transforms),
    "magnitude", "angle" or "phase" (the angle without jumps along frequency).

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import signal
    >>> signal.spectrogram(bnp.arange(64.0), nperseg=16)[2].shape
    (9, 4)
    """
    one_of("spectrogram", "mode", mode, ("psd", "complex", "magnitude", "angle", "phase"))
    shape = np.shape(x)
    length = shape[axis_index("spectrogram", axis, len(shape))]
    size = _segmentation("spectrogram", window, nperseg, None, None, length).size
    overlap = size // 8 if noverlap is None else noverlap
    frequencies, times, out = _spectra(
        "spectrogram", x, None, fs, window, size, overlap, nfft, detrend, return_onesided,
        scaling, axis, "psd" if mode == "psd" else "stft",
    )  # fmt: skip
    if mode == "magnitude":
        out = bnp.abs(out)
    elif mode in ("angle", "phase"):
        out = bnp.angle(out)
        at = axis_index("spectrogram", axis, len(shape))
        out = bnp.unwrap(out, axis=at) if mode == "phase" else out
    return frequencies, times, out


def stft(x: Any, fs: Any = 1.0, window: Any = "hann", nperseg: int | None = None,
         noverlap: int | None = None, nfft: int | None = None, detrend: Any = False,
         return_onesided: bool = True, boundary: str | None = "zeros", padded: bool = True,
         axis: int = -1, scaling: str = "spectrum") -> tuple[Value, Value, Value]:  # fmt: skip
    """(frequencies, times, short-time Fourier transform); times run along the last axis.

    boundary: how the signal goes on beyond its ends, "zeros", "constant", "even", "odd" or None,
    so that its first element lies in the middle of a segment; padded: zeros at the end make it a
    whole number of segments. scaling: "spectrum" or "psd". The rest as in `csd`.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import signal
    >>> signal.stft(bnp.arange(64.0), nperseg=16)[2].shape
    (9, 9)
    """
    one_of("stft", "scaling", scaling, ("spectrum", "psd"))
    return _spectra("stft", x, None, fs, window, nperseg, noverlap, nfft, detrend,
                    return_onesided, scaling, axis, "stft", boundary, padded)  # fmt: skip


def istft(Zxx: Any, fs: Any = 1.0, window: Any = "hann", nperseg: int | None = None,
          noverlap: int | None = None, nfft: int | None = None, input_onesided: bool = True,
          boundary: bool = True, time_axis: int = -1, freq_axis: int = -2,
          scaling: str = "spectrum") -> tuple[Value, Value]:  # fmt: skip
    """(times, signal) from `stft` with the same settings: segments overlapped and added.

    boundary: the half segments at both ends, which `stft` put there, are cut off. Warns where the
    windows leave gaps between them, where no signal can be told.

    >>> import bibun.numpy as bnp
    >>> from bibun.scipy import signal
    >>> x = bnp.arange(32.0)
    >>> print(abs(signal.istft(signal.stft(x, nperseg=8)[2], nperseg=8)[1] - x).max().round(12))
    0.0
    """
    one_of("istft", "scaling", scaling, ("spectrum", "psd"))
    z = value("istft", "Zxx", promote_inexact("istft", Zxx)[0])
    if z.ndim < 2:
        raise ShapeError(f"istft: Zxx must have two axes at least, got shape {z.shape}")
    t, f = axis_index("istft", time_axis, z.ndim), axis_index("istft", freq_axis, z.ndim)
    if t == f:
        raise ShapeError(f"istft: time_axis and freq_axis are both {t}")
    count, bins = z.shape[t], z.shape[f]
    whole = 2 * (bins - 1) if input_onesided else bins
    size = whole if nperseg is None else nperseg
    if nfft is None:
        nfft = size if input_onesided and size == whole + 1 else whole
    parts = _segmentation("istft", window, size, noverlap, nfft)
    z = bnp.moveaxis(z, (t, f), (-2, -1))
    frames = (bnp.fft.irfft if input_onesided else bnp.fft.ifft)(z, parts.nfft, -1)[..., :size]
    real = frames.real.dtype
    w = parts.window
    w = w.astype(bnp.result_type(frames.dtype, w.dtype) if w.dtype.kind == "c" else real)
    squares = abs(w) ** 2
    total = w.sum() if scaling == "spectrum" else bnp.sqrt(fs * squares.sum())
    frames = frames * total
    length = size + (count - 1) * parts.step
    place = np.arange(count)[:, None] * parts.step + np.arange(size)
    blank = bnp.zeros((*frames.shape[:-2], length), dtype=(frames * w).dtype)
    x = blank.at[..., place].add(frames * w)
    norm: Any
    if isinstance(w, np.ndarray):  # a known window: then so is this
        norm = np.zeros(length, real)
        np.add.at(norm, place, np.broadcast_to(squares, place.shape))
    else:
        norm = bnp.zeros(length, dtype=real).at[place].add(bnp.broadcast_to(squares, place.shape))
    if boundary:
        cut = slice(size // 2, length - size // 2)
        x, norm = x[..., cut], norm[cut]
    covered = norm > 1e-10
    if isinstance(covered, np.ndarray) and not covered.all():
        warnings.warn(
            f"istft: windows of {size} that overlap by {parts.overlap} leave gaps; the signal "
            "there is not known",
            stacklevel=2,
        )
    x = x / bnp.where(covered, norm, 1.0)
    x = bnp.real(x) if input_onesided else x
    times = bnp.arange(x.shape[-1]) / fs
    return times, bnp.moveaxis(x, -1, t - (f < t))
