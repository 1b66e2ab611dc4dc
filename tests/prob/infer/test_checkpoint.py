"""Runs that are killed, interrupted, moved and disguised: draws are those of an unbroken run."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
import time
import types
from pathlib import Path

import numpy as np
import pytest

import bibun
import bibun.prob as prob
import bibun.prob.distributions as dist
from bibun import store
from bibun.prob.infer import HMC, MCMC, NUTS, chain
from bibun.prob.infer import checkpoint as ck

X = np.linspace(-1.0, 1.0, 30)
Y = 0.5 + 2.0 * X + 0.1 * np.sin(40 * X)


def line(x, y):
    a = prob.sample("a", dist.Normal(0.0, 10.0))
    b = prob.sample("b", dist.Normal(0.0, 10.0).expand((2,)).to_event(1))
    sigma = prob.sample("sigma", dist.Exponential(1.0))
    prob.sample("y", dist.Normal(a + b[0] * x + b[1] * x**2, sigma), obs=y)


def other_line(x, y):
    a = prob.sample("a", dist.Normal(0.0, 1.0))
    b = prob.sample("b", dist.Normal(0.0, 10.0).expand((2,)).to_event(1))
    sigma = prob.sample("sigma", dist.Exponential(1.0))
    prob.sample("y", dist.Normal(a + b[0] * x + b[1] * x**2, sigma), obs=y)


def make(warmup: int = 120, samples: int = 150, model=line, kernel=NUTS, **options) -> MCMC:
    sampler = kernel(model, **options)
    return MCMC(sampler, warmup, samples, num_chains=2, progress_bar=False)


def results(mcmc: MCMC) -> dict[str, np.ndarray]:
    found = {**mcmc.get_samples(group_by_chain=True), **mcmc.get_extra_fields(group_by_chain=True)}
    return {k: np.asarray(v) for k, v in found.items()}


def assert_same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> None:
    assert a.keys() == b.keys()
    for k in a:
        assert a[k].dtype == b[k].dtype
        assert a[k].tobytes() == b[k].tobytes(), f"{k} differs"


@pytest.fixture(scope="module")
def unbroken() -> dict[str, np.ndarray]:
    mcmc = make()
    mcmc.run(3, X, Y)
    return results(mcmc)


def stop_after(monkeypatch: pytest.MonkeyPatch, count: int, mcmc: MCMC) -> None:
    """Stop the chains after `count` chunks, as Ctrl-C does."""
    seen = [0]
    update = chain.Progress.update

    def counted(self, *args):
        seen[0] += 1
        if seen[0] >= count:
            mcmc._stop.set()
        return update(self, *args)

    monkeypatch.setattr(chain.Progress, "update", counted)


def test_a_stored_run_is_the_run_itself(tmp_path, unbroken) -> None:
    mcmc = make()
    mcmc.run(3, X, Y, checkpoint=tmp_path / "run")
    assert_same(results(mcmc), unbroken)
    again = make()
    again.resume(tmp_path / "run", X, Y)
    assert_same(results(again), unbroken)


@pytest.mark.parametrize("chunk", [1, 7, 64])
def test_sizes_of_chunks_do_not_matter(monkeypatch, unbroken, chunk) -> None:
    monkeypatch.setattr(chain, "CHUNK", 64)
    monkeypatch.setattr(chain, "CHUNK_SECONDS", 1e-9 if chunk == 1 else 1e9)
    if chunk == 7:
        monkeypatch.setattr(chain, "CHUNK", 7)
    mcmc = make()
    mcmc.run(3, X, Y)
    assert_same(results(mcmc), unbroken)


@pytest.mark.parametrize("count", [1, 2, 5, 9, 14])
def test_stopped_anywhere_it_goes_on(tmp_path, monkeypatch, unbroken, count) -> None:
    """In warmup, between windows, in sampling; and stopped again after it was resumed."""
    path = tmp_path / "run"
    monkeypatch.setattr(chain, "CHUNK", 24)
    monkeypatch.setattr(ck, "EVERY", 0.01)
    first = make()
    with monkeypatch.context() as m:
        stop_after(m, count, first)
        first.run(3, X, Y, checkpoint=path)
    second = make()
    with monkeypatch.context() as m:
        stop_after(m, 4, second)
        second.resume(path, X, Y)
    third = make()
    third.run(3, X, Y, resume=path)
    assert_same(results(third), unbroken)


def test_dense_mass_and_hmc(tmp_path, monkeypatch) -> None:
    whole = make(kernel=HMC, dense_mass=True, num_steps=7)
    whole.run(1, X, Y)
    monkeypatch.setattr(chain, "CHUNK", 16)
    first = make(kernel=HMC, dense_mass=True, num_steps=7)
    with monkeypatch.context() as m:
        stop_after(m, 9, first)
        first.run(1, X, Y, checkpoint=tmp_path / "run")
    second = make(kernel=HMC, dense_mass=True, num_steps=7)
    second.resume(tmp_path / "run", X, Y)
    assert_same(results(second), results(whole))


def test_a_finished_run_can_be_lengthened(tmp_path, unbroken) -> None:
    path = tmp_path / "run"
    make(samples=60).run(3, X, Y, checkpoint=path)
    longer = make()
    longer.resume(path, X, Y)
    assert_same(results(longer), unbroken)
    with pytest.raises(store.CheckpointMismatchError, match="may grow, not shrink"):
        make(samples=60).resume(path, X, Y)


def test_resume_true_begins_or_goes_on(tmp_path, unbroken) -> None:
    path = tmp_path / "run"
    for _ in range(2):
        mcmc = make()
        mcmc.run(3, X, Y, checkpoint=path, resume=True)
        assert_same(results(mcmc), unbroken)
    with pytest.raises(FileExistsError, match=r"mcmc\.resume"):
        make().run(3, X, Y, checkpoint=path)
    with pytest.raises(store.CheckpointMismatchError, match="another rng_key"):
        make().run(4, X, Y, checkpoint=path, resume=True)
    with pytest.raises(ValueError, match="checkpoint=path"):
        make().run(3, X, Y, resume=True)
    with pytest.raises(FileNotFoundError):
        make().resume(tmp_path / "nothing", X, Y)


def test_another_run_is_refused(tmp_path) -> None:
    path = tmp_path / "run"
    make(20, 10).run(3, X, Y, checkpoint=path)
    changed = Y.copy()
    changed[3] += 1e-12
    with pytest.raises(store.CheckpointMismatchError, match=r"data: args\[1\]"):
        make(20, 10).resume(path, X, changed)
    with pytest.raises(store.CheckpointMismatchError, match="model: source"):
        make(20, 10, model=other_line).resume(path, X, Y)
    with pytest.raises(store.CheckpointMismatchError, match="options: num_warmup: 20 when"):
        make(30, 10).resume(path, X, Y)
    with pytest.raises(store.CheckpointMismatchError, match="target_accept_prob"):
        make(20, 10, target_accept_prob=0.9).resume(path, X, Y)
    store.PyTreeCheckpointer().save(tmp_path / "tree", {"a": 1})
    with pytest.raises(store.CheckpointError, match="holds one item"):
        make(20, 10).resume(tmp_path / "tree", X, Y)


def test_a_changed_helper_is_noticed(tmp_path) -> None:
    """What no fingerprint of the source can see shows in the log density."""
    scale = [1.0]

    def model():
        prob.sample("x", dist.Normal(0.0, scale[0]))

    path = tmp_path / "run"
    make(20, 10, model=model).run(0, checkpoint=path)
    scale[0] = 2.0
    with pytest.raises(store.CheckpointMismatchError, match="log density at the position of chain"):
        make(20, 10, model=model).resume(path)


def test_other_software_is_a_warning(tmp_path, monkeypatch, unbroken) -> None:
    path = tmp_path / "run"
    make().run(3, X, Y, checkpoint=path)
    monkeypatch.setattr(ck, "_processor", lambda: "abacus")
    mcmc = make()
    with pytest.warns(RuntimeWarning, match="processor: .* abacus now"):
        mcmc.resume(path, X, Y)
    assert_same(results(mcmc), unbroken)


def test_comments_do_not_change_a_model() -> None:
    spaces: dict = {}
    texts = []
    for source in ("def f(x):\n    return x + 1\n", "def f(x):  # one more\n\n    return x+1\n"):
        exec(compile(source, "<string>", "exec"), spaces)
        texts.append(ck.function_text(spaces["f"]))
    assert texts[0] == texts[1]  # by bytecode: there is no source
    assert ck.function_text(lambda x: x + 1) != ck.function_text(lambda x: x + 2)


def test_a_full_disk_does_not_end_the_run(tmp_path, monkeypatch, unbroken) -> None:
    save, calls = ck.Saver.save, [0]

    def failing(self):
        calls[0] += 1
        if calls[0] > 1:
            raise OSError(28, "No space left on device", str(self.path))
        save(self)

    monkeypatch.setattr(ck.Saver, "save", failing)
    mcmc = make()
    with pytest.raises(OSError, match="No space left"):
        mcmc.run(3, X, Y, checkpoint=tmp_path / "run")
    assert_same(results(mcmc), unbroken)  # nothing was lost
    monkeypatch.undo()
    again = make()
    again.resume(tmp_path / "run", X, Y)
    assert_same(results(again), unbroken)


def test_a_save_is_of_one_instant(tmp_path, monkeypatch) -> None:
    """Chains that run on while they are written down do not mix two moments."""
    mcmc = make(20, 10)
    mcmc.run(3, X, Y)
    then, later = mcmc.last_state
    rows = [np.ones((4, 4)), np.ones((3, 4))]
    chains = [
        types.SimpleNamespace(mark=ck.Mark(then, 20, 3, 4), draws=rows[:1], stats={})
        for _ in range(2)
    ]
    rows_of = ck._rows

    def meanwhile(pieces, count):
        for c in chains:
            c.mark, c.draws = ck.Mark(later, 20, 3, 7), rows
        return rows_of(pieces, count)

    monkeypatch.setattr(ck, "_rows", meanwhile)
    now = ck.fingerprint(mcmc, (X, Y), {})
    key = bibun.random.PRNGKey(3)
    ck.Saver(tmp_path / "run", chains, ck.describe(now, key, True)).save()
    run = ck.load(tmp_path / "run", mcmc, now)
    for mark, draws in zip(run.marks, run.draws, strict=True):
        assert (mark.done, len(draws)) == (4, 4)
        np.testing.assert_array_equal(mark.state.z, then.z)
        np.testing.assert_array_equal(mark.state.rng_key, then.rng_key)


SCRIPT = textwrap.dedent("""
    import sys, numpy as np
    sys.path.insert(0, sys.argv[3])
    from bibun.prob.infer import chain
    chain.CHUNK, chain.CHUNK_SECONDS = 16, 0.002  # many small steps
    from test_checkpoint import X, Y, line
    from bibun.prob.infer import MCMC, NUTS
    path, out = sys.argv[1:3]
    mcmc = MCMC(NUTS(line), 300, 4000, num_chains=2, progress_bar=False)
    print("go", flush=True)
    mcmc.run(5, X, Y, checkpoint=path, resume=True, checkpoint_every=0.01)
    if not mcmc.interrupted:
        np.savez(out, **mcmc.get_samples(group_by_chain=True),
                 **mcmc.get_extra_fields(group_by_chain=True))
    print("done", flush=True)
""")


def start(path: Path, out: Path) -> subprocess.Popen:
    command = [sys.executable, "-c", SCRIPT, str(path), str(out), str(Path(__file__).parent)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def undisturbed() -> MCMC:
    """The run of `SCRIPT`, in one piece."""
    mcmc = MCMC(NUTS(line), 300, 4000, num_chains=2, progress_bar=False)
    mcmc.run(5, X, Y)
    return mcmc


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9")
@pytest.mark.parametrize("sig", [signal.SIGKILL, signal.SIGINT])
def test_killed_at_random_moments(tmp_path, sig, undisturbed) -> None:
    """kill -9, or Ctrl-C, again and again; then the draws of a process that nobody disturbed."""
    rng = random.Random(0)
    path, out = tmp_path / "run", tmp_path / "draws.npz"
    broken = 0
    for _ in range(3):
        run = start(path, out)
        assert run.stdout is not None
        assert run.stdout.readline() == "go\n"
        until = time.monotonic() + 60
        stamp = path.stat().st_ino if path.exists() else 0
        while time.monotonic() < until:  # it has stored something new
            if path.exists() and path.stat().st_ino != stamp or run.poll() is not None:
                break
            time.sleep(0.002)
        time.sleep(rng.uniform(0.0, 0.25))
        broken += run.poll() is None
        run.send_signal(sig)
        run.communicate(timeout=60)
        assert path.exists()
    assert broken >= 1
    run = start(path, out)
    run.communicate(timeout=200)
    assert run.returncode == 0
    with np.load(out) as found:
        assert_same({k: found[k] for k in found.files}, results(undisturbed))
    assert [n for n in os.listdir(tmp_path) if "bibun-tmp" in n] == []
