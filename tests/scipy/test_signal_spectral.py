"""Spectra, short-time transforms and Savitzky–Golay smoothing against SciPy."""

from __future__ import annotations

import doctest
import functools
import importlib
from typing import Any

import numpy as np
import pytest
import scipy.signal as reference

import bibun
import bibun.numpy as bnp
from bibun.errors import ShapeError
from bibun.scipy import signal
from bibun.testing import check_grads

RNG = np.random.default_rng(5)
X, Y = RNG.normal(size=(2, 3, 75))
Z = X + 1j * Y
BOTH = pytest.mark.parametrize("run", [lambda f: f, bibun.jit], ids=["eager", "jit"])

SETTINGS: list[dict[str, Any]] = [
    {"nperseg": 16}, {"nperseg": 15, "noverlap": 9, "nfft": 20}, {"nperseg": 75},
    {"nperseg": 16, "window": ("kaiser", 3.0), "scaling": "spectrum", "fs": 100.0},
    {"nperseg": 16, "detrend": "linear", "average": "median"}, {"nperseg": 16, "detrend": False},
    {"window": np.hamming(12), "return_onesided": False, "axis": 0},
    {"nperseg": 17, "average": "median", "axis": -2},
]  # fmt: skip


def close(got: Any, want: Any) -> None:
    for a, b in zip(got, want, strict=True):
        assert np.asarray(a).dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


@BOTH
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_power_spectra(run: Any, settings: dict[str, Any]) -> None:
    turn = np.transpose if "axis" in settings else np.asarray
    x, y, z = map(turn, (X, Y, Z))
    close(run(lambda v: signal.welch(v, **settings))(x), reference.welch(x, **settings))
    close(run(lambda v: signal.csd(v, y, **settings))(x), reference.csd(x, y, **settings))
    both = {**settings, "return_onesided": False}
    close(run(lambda v: signal.csd(v, z, **both))(x), reference.csd(x, z, **both))
    close(signal.csd(x, z, **settings), reference.csd(x, z, **both))
    rest = {k: v for k, v in settings.items() if k not in ("average", "return_onesided", "scaling")}
    close(signal.coherence(x, y, **rest), reference.coherence(x, y, **rest))


@BOTH
def test_the_rest_of_the_spectra(run: Any) -> None:
    close(run(lambda x: signal.periodogram(x, 4.0))(X), reference.periodogram(X, 4.0))
    got = signal.periodogram(X, nfft=50, window="hann", scaling="spectrum")
    close(got, reference.periodogram(X, nfft=50, window="hann", scaling="spectrum"))
    close(signal.periodogram(X, nfft=80), reference.periodogram(X, nfft=80))
    for mode in ("psd", "complex", "magnitude", "angle", "phase"):
        got = run(lambda x, mode=mode: signal.spectrogram(x, nperseg=16, mode=mode))(X)
        close(got, reference.spectrogram(X, nperseg=16, mode=mode))
    close(signal.welch(X[:, :40], nperseg=None), reference.welch(X[:, :40]))
    shorter = signal.csd(X, Y[0, :50], nperseg=16)
    close(shorter, reference.csd(X, np.tile(Y[0, :50], (3, 1)), nperseg=16))


@BOTH
@pytest.mark.filterwarnings("ignore:.*leave gaps", "ignore:NOLA", "ignore:Input data is complex")
@pytest.mark.parametrize(
    "settings",
    [
        {"nperseg": 16}, {"nperseg": 15, "noverlap": 12}, {"nperseg": 16, "boundary": "even"},
        {"nperseg": 16, "boundary": "odd", "padded": False, "fs": 10.0},
        {"nperseg": 16, "boundary": "constant", "nfft": 32}, {"nperseg": 16, "boundary": None},
        {"window": np.hamming(16), "nperseg": 16, "scaling": "psd", "detrend": "constant"},
    ],
    ids=str,
)  # fmt: skip
def test_short_time_transforms_and_back(run: Any, settings: dict[str, Any]) -> None:
    for x in (X, Z):
        z = reference.stft(x, **settings)[2]
        close(run(lambda v: signal.stft(v, **settings)[2:])(x), [z])
        close(signal.stft(x, **settings)[:2], reference.stft(x, **settings)[:2])
        back = {k: v for k, v in settings.items() if k not in ("boundary", "padded", "detrend")}
        back["boundary"] = settings.get("boundary", "zeros") is not None
        back["input_onesided"] = x.dtype.kind == "f"
        if "nperseg" in settings and settings["nperseg"] % 2:
            back["nfft"] = settings["nperseg"]
        want = reference.istft(z, **back)[1]
        times, got = run(functools.partial(signal.istft, **back))(z)
        close([got], [want])
        np.testing.assert_allclose(times, np.arange(want.shape[-1]) / settings.get("fs", 1.0))
    flipped = np.moveaxis(reference.stft(X, nperseg=16)[2], (-2, -1), (0, 1))
    got = signal.istft(flipped, nperseg=16, time_axis=1, freq_axis=0)
    close(got[1:], reference.istft(flipped, nperseg=16, time_axis=1, freq_axis=0)[1:])


def test_what_went_forth_comes_back_and_differentiates() -> None:
    there_and_back = lambda x: signal.istft(signal.stft(x, nperseg=16)[2], nperseg=16)[1][:, :75]
    np.testing.assert_allclose(there_and_back(X), X, atol=1e-12)
    small = X[0, :24]
    check_grads(lambda x: signal.welch(x, nperseg=8)[1], (small,), order=2, rtol=1e-4)
    check_grads(lambda x: bnp.real(signal.csd(x, small[::-1], nperseg=8)[1]), (small,), order=2)
    w = np.hanning(8) + 0.1
    power = lambda w: bnp.sum(signal.welch(small, window=w, scaling="spectrum")[1] ** 2)
    check_grads(power, (w,), order=1, rtol=1e-4)
    through = lambda w: signal.istft(bnp.asarray(reference.stft(small, nperseg=8)[2]), window=w)[1]
    check_grads(through, (w,), order=1, rtol=1e-4)
    both = bibun.vmap(lambda x: signal.stft(x, nperseg=16)[2])(X)
    np.testing.assert_allclose(both, signal.stft(X, nperseg=16)[2], atol=1e-13)
    assert signal.welch(X.astype("float32"), nperseg=16)[1].dtype == np.float32


@BOTH
@pytest.mark.parametrize("mode", ["interp", "mirror", "nearest", "wrap", "constant"])
@pytest.mark.parametrize(("m", "order", "deriv"), [(5, 2, 0), (7, 3, 1), (6, 2, 0), (9, 4, 2)])
def test_savitzky_golay(run: Any, mode: str, m: int, order: int, deriv: int) -> None:
    settings = {"deriv": deriv, "delta": 0.5, "mode": mode, "cval": 1.5}
    got = run(lambda x: signal.savgol_filter(x, m, order, axis=0, **settings))(X.T)
    want = reference.savgol_filter(X.T, m, order, axis=0, **settings)
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-10)
    check_grads(lambda x: signal.savgol_filter(x, m, order, **settings), (X[0, :12],), order=1)


def test_errors_and_examples() -> None:
    for call, words in (
        (lambda: signal.welch(X, nperseg=16, noverlap=16), "noverlap=16 must be less"),
        (lambda: signal.welch(X, nperseg=16, nfft=8), "nfft=8"),
        (lambda: signal.welch(X, scaling="power"), "scaling must be one of"),
        (lambda: signal.welch(X, detrend="cubic"), "detrend must be one of"),
        (lambda: signal.stft(X, nperseg=16, boundary="loop"), "boundary must be one of"),
        (lambda: signal.welch(X, window=np.ones(8), nperseg=9), "window's length 8"),
        (lambda: signal.savgol_filter(X, 5, 2, mode="loop"), "mode must be"),
    ):
        with pytest.raises(ValueError, match=words):
            call()
    for call in (
        lambda: signal.welch(X, window=np.ones(99)), lambda: signal.welch(np.ones(0)),
        lambda: signal.istft(np.ones(3)), lambda: signal.savgol_filter(X, 77, 2),
    ):  # fmt: skip
        with pytest.raises(ShapeError):
            call()
    with pytest.warns(UserWarning, match="longer than the signal"):
        signal.welch(X, nperseg=100)
    with pytest.warns(UserWarning, match="leave gaps"):
        signal.istft(np.ones((9, 4)), noverlap=0)
    for name in ("spectral", "savgol", "detrend", "convolution"):
        room = importlib.import_module(f"bibun.scipy.signal._{name}")
        assert doctest.testmod(room).failed == 0
