"""Many data sets in one program, and chains on executors: the draws are those of runs at home."""

from __future__ import annotations

import importlib.util
import multiprocessing
import pickle
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import bibun.prob as prob
import bibun.prob.distributions as dist
from bibun import random
from bibun.prob.infer import HMC, MCMC, NUTS, init_to_value, jobs

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # as workers do, to find the module by its name
from far_models import line  # noqa: E402

X = np.linspace(-1.0, 1.0, 20)
SLOPES = np.array([2.0, -1.0, 0.5])
Y = SLOPES[:, None] * X + 0.3 * np.sin(37.0 * np.arange(60).reshape(3, 20))


@pytest.fixture(autouse=True, scope="module")
def importable():
    yield
    sys.path.remove(str(HERE))


def make(model=line, chains: int = 2, **options) -> MCMC:
    return MCMC(NUTS(model, **options), 80, 60, num_chains=chains, progress_bar=False)


def results(mcmc: MCMC) -> dict[str, np.ndarray]:
    found = {**mcmc.get_samples(group_by_chain=True), **mcmc.get_extra_fields(group_by_chain=True)}
    return {k: np.asarray(v) for k, v in found.items()}


def assert_same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> None:
    assert a.keys() == b.keys()
    for k in a:
        assert a[k].shape == b[k].shape and a[k].tobytes() == b[k].tobytes(), k


@pytest.fixture(scope="module")
def at_home() -> dict[str, np.ndarray]:
    mcmc = make()
    mcmc.run(3, X, Y[0])
    return results(mcmc)


@pytest.fixture(scope="module")
def batch_at_home() -> dict[str, np.ndarray]:
    mcmc = make()
    mcmc.run(3, X, Y, batch=(None, 0))
    return results(mcmc)


# data sets ------------------------------------------------------------------------------------


def test_a_batch_is_a_run_for_each_data_set(batch_at_home) -> None:
    assert batch_at_home["b"].shape == (3, 2, 60)
    key = random.PRNGKey(3)
    for k in range(3):
        mcmc = make()
        mcmc.run(random.fold_in(key, k), X, Y[k])
        assert_same({n: v[k] for n, v in batch_at_home.items()}, results(mcmc))
    np.testing.assert_allclose(batch_at_home["b"].mean(axis=(1, 2)), SLOPES, atol=0.3)


def test_batch_results_and_each_data_set_of_them(batch_at_home) -> None:
    mcmc = make()
    mcmc.run(3, x=np.stack([X] * 3), y=Y, batch=0)  # by keyword: in front
    assert_same(results(mcmc), batch_at_home)
    assert len(mcmc._runners) == 1
    assert mcmc.get_samples()["a"].shape == (3, 120)
    assert mcmc.get_extra_fields()["diverging"].shape == (3, 120)
    with pytest.raises(ValueError, match=r"had 3: take mcmc.data_set\(k\)"):
        mcmc.print_summary()
    one = mcmc.data_set(1)
    np.testing.assert_array_equal(one.get_samples()["b"], mcmc.get_samples()["b"][1])
    np.testing.assert_array_equal(one._args[1]["y"], Y[1])
    with pytest.raises(ValueError, match="batch="):
        one.data_set(0)


def test_batch_along_another_axis_and_with_starts() -> None:
    starts = init = np.zeros((3, 2, 3))
    first, second = make(), make()
    first.run(0, X, Y.T, batch=(None, 1), init_params=starts)
    second.run(0, X, Y, batch=(None, 0), init_params=init)
    assert_same(results(first), results(second))


@pytest.mark.parametrize(
    ("batch", "error", "message"),
    [
        ((0,), ValueError, "1 axes for 2"),
        ((0, 0), ValueError, "argument 0: 20, argument 1: 3"),
        ((None, 5), ValueError, "no axis 5"),
        ((None, None), ValueError, "no array is mapped"),
        ("x", TypeError, "axis or a tuple"),
    ],
)
def test_bad_batches(batch, error, message) -> None:
    with pytest.raises(error, match=message):
        make().run(0, X, Y, batch=batch)


def test_warmup_state_of_one_data_set_is_not_taken_for_many() -> None:
    mcmc = make(chains=1)
    mcmc.warmup(0, X, Y[0])
    with pytest.raises(ValueError, match="1 chain.*3"):
        mcmc.run(1, X, Y, batch=(None, 0))
    mcmc.warmup(0, X, Y, batch=(None, 0))
    mcmc.run(1, X, Y, batch=(None, 0))
    assert mcmc.get_samples()["b"].shape == (3, 60)


def test_a_stored_batch_goes_on(tmp_path, batch_at_home) -> None:
    first = MCMC(NUTS(line), 80, 25, num_chains=2, progress_bar=False)
    first.run(3, X, Y, batch=(None, 0), checkpoint=tmp_path / "run")
    mcmc = make()
    mcmc.resume(tmp_path / "run", X, Y, batch=(None, 0))
    assert_same(results(mcmc), batch_at_home)


# executors --------------------------------------------------------------------------------------


def test_threads(at_home, batch_at_home) -> None:
    with ThreadPoolExecutor(3) as pool:
        mcmc = make()
        mcmc.run(3, X, Y[0], executor=pool)
        assert_same(results(mcmc), at_home)
        mcmc.run(3, X, Y, batch=(None, 0), executor=pool)
        assert_same(results(mcmc), batch_at_home)
        hmc = MCMC(HMC(line, num_steps=4), 50, 30, progress_bar=False)
        hmc.run(0, X, Y[0], executor=pool)
        again = MCMC(HMC(line, num_steps=4), 50, 30, progress_bar=False)
        again.run(0, X, Y[0])
        assert_same(results(hmc), results(again))


def test_a_stored_run_goes_on_on_an_executor(tmp_path, at_home) -> None:
    first = MCMC(NUTS(line), 80, 25, num_chains=2, progress_bar=False)
    with ThreadPoolExecutor(2) as pool:
        first.run(3, X, Y[0], checkpoint=tmp_path / "run", executor=pool)
        mcmc = make()
        mcmc.resume(tmp_path / "run", X, Y[0], executor=pool)
    assert_same(results(mcmc), at_home)


def test_processes(at_home) -> None:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        mcmc = make(init_strategy=init_to_value(values={"a": 0.1}))
        pickle.loads(pickle.dumps(mcmc))
        mcmc = make()
        mcmc.run(3, X, Y[0], executor=pool)
        assert_same(results(mcmc), at_home)

        def local(x, y):
            line(x, y)

        with pytest.raises(TypeError, match="test_processes.<locals>.local .* by name.*Dask"):
            make(local).run(3, X, Y[0], executor=pool)


def test_dask_cluster_of_two_workers(at_home, batch_at_home) -> None:
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None,
        ) as cluster,
        distributed.Client(cluster) as client,
    ):  # fmt: skip
        scale = 10.0

        def local(x, y):  # code that only this process has
            a = prob.sample("a", dist.Normal(0.0, scale))
            b = prob.sample("b", dist.Normal(0.0, scale))
            sigma = prob.sample("sigma", dist.Exponential(1.0))
            with prob.plate("rows", len(x)):
                prob.sample("y", dist.Normal(a + b * x, sigma), obs=y)

        mcmc = make(local)
        mcmc.run(3, X, Y[0], executor=client)
        assert_same(results(mcmc), at_home)
        mcmc.run(3, X, Y, batch=(None, 0), executor=client)
        assert_same(results(mcmc), batch_at_home)
        assert len(client.has_what()) == 2


def test_errors_of_executors() -> None:
    with pytest.raises(TypeError, match="executor must be"):
        make().run(0, X, Y[0], executor=4)
    with pytest.raises(ValueError, match="sequential"):
        MCMC(NUTS(line), 5, 5, chain_method="sequential").run(0, X, Y[0], executor=4)

    def failing(order):
        raise RuntimeError("the machine is gone")

    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(1) as pool:
        patch.setattr(jobs, "work", failing)
        with pytest.raises(RuntimeError, match="the machine is gone"):
            make().run(0, X, Y[0], executor=pool)


def test_a_finished_run_can_be_pickled(at_home) -> None:
    mcmc = make()
    mcmc.run(3, X, Y[0])
    copy = pickle.loads(pickle.dumps(mcmc))
    assert_same(results(copy), at_home)
    copy.run(3, X, Y[0])
    assert_same(results(copy), at_home)
    assert importlib.util.find_spec("far_models") is not None
