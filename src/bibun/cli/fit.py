"""`bibun fit`: from a model and a table to draws, their summary, plots and a report."""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import importlib.util
import platform
import shlex
import sys
import time
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

import bibun
from bibun import random
from bibun.cli import load, plots
from bibun.cli.diagnose import Row, Verdict, format_table, judge, rows_of
from bibun.cli.errors import Stopped, UserError, shown
from bibun.cli.load import Job, Site
from bibun.cli.options import Options, combine
from bibun.cli.output import Staging
from bibun.cli.report import Report, render
from bibun.cli.table import Table, read_table
from bibun.errors import CompileError, SpecError
from bibun.prob import handlers
from bibun.prob.infer import (
    MCMC,
    NUTS,
    Predictive,
    init_to_mean,
    init_to_median,
    init_to_sample,
    init_to_uniform,
    init_to_value,
)

SMALL = 10  # numbers: a deterministic site up to this size is shown unless `show` says else
MOST_PRINTED = 60
MOST_PREDICTED = 4_000_000  # numbers: with more, fewer draws are predicted
X_NAMES = ("t", "time", "x", "date", "year", "day", "phase")
NOT_X = ("err", "sigma", "sd", "std", "se", "weight", "unc")


def fit(given: argparse.Namespace, command: list[str]) -> int:
    """The whole way; the exit status."""
    _need_extras()
    clock = Clock()
    module, source = load.load_module(given.model_file, bool(given.traceback))
    options = combine(given, load.read_settings(module, given.model_file))
    function = load.find_function(module, options.model_file, options.model)
    table = read_table(options.data_file)
    arguments, used, dropped = load.bind_columns(
        function, options.model, options.model_file, table, options.missing
    )
    job = Job(options.model_file, options.model, source, function, arguments, used)
    with Staging(options.out) as staging:
        with load.failures(f"{shown(job.path)}: the model failed", options.traceback):
            job.sites = load.trace_model(job, options.seed)
        plan = _plan(job, options)
        _introduce(job, table, dropped)
        with clock.measure("sampling (compilation included)"):
            mcmc = _sample(job, options)
        result = _collect(job, options, plan, mcmc)
        _tell(result)
        with clock.measure("predictions, plots and files"):
            _predict(job, options, plan, result)
            _write(job, options, plan, result, mcmc, staging, clock, command)
        for prediction in result.predictions:
            print(prediction.sentence)
        written = staging.publish()
    print(f"\n{', '.join(shown(p) for p in written)}")
    return 130 if mcmc.interrupted else 0


def _need_extras() -> None:
    absent = [m for m in ("arviz", "matplotlib", "xarray") if importlib.util.find_spec(m) is None]
    if not any(importlib.util.find_spec(m) for m in ("h5netcdf", "netCDF4")):
        absent.append("h5netcdf")
    if absent:
        raise UserError(
            f"plots and netCDF files need {', '.join(absent)}: pip install 'bibun[plots]'"
        )


class Clock:
    """How long the parts of a run took."""

    def __init__(self) -> None:
        self.start = time.perf_counter()
        self.parts: dict[str, float] = {}

    @contextlib.contextmanager
    def measure(self, what: str) -> Iterator[None]:
        begin = time.perf_counter()
        yield
        self.parts[what] = time.perf_counter() - begin


# what to look at -----------------------------------------------------------------------------


@dataclass
class Plan:
    """Which sites are shown and predicted, and along what."""

    shown: list[str]
    predicted: list[Site]
    x: np.ndarray | None
    x_label: str


def _plan(job: Job, options: Options) -> Plan:
    latent = job.of_kind("latent")
    if not latent:
        raise UserError(
            f"{shown(job.path)}: {job.name}() has nothing to infer: every site is observed"
        )
    drawn = {s.name: s for s in job.sites.values() if s.kind != "observed"}
    for name in options.show:
        if name not in drawn:
            there = ", ".join(drawn)
            raise UserError(f"--show {name}: the model has no such site (it has {there})")
    names = options.show or [
        n for n, s in drawn.items() if s.kind == "latent" or np.prod(s.shape) <= SMALL
    ]
    predicted = load.choose_observed(job, options.observed)
    predicted = [s for s in predicted if s.value is not None and s.value.size]
    x, label = _x_of(job, options, predicted)
    return Plan(names, predicted, x, label)


def _x_of(job: Job, options: Options, predicted: list[Site]) -> tuple[np.ndarray | None, str]:
    """The column to draw predictions along: the one named, else one that looks like time or x."""
    if options.x is not None:
        column = job.table.find(options.x)
        if column is None:
            raise UserError(
                f"--x {options.x}: {shown(job.table.path)} has no such column"
                f"{job.table.suggestion(options.x)} (columns: {', '.join(job.table.columns)})"
            )
        return job.table.numbers(column), column
    observed = {s.column for s in predicted}
    candidates = {
        n: v
        for n, v in job.arguments.items()
        if n not in observed
        and not any(n.lower().startswith(p) or n.lower().endswith(p) for p in NOT_X)
        and 2 * len(np.unique(v)) > len(v)
    }
    for name in (*(n for n in X_NAMES if n in candidates), *candidates):
        return candidates[name], name
    return None, ""


def _introduce(job: Job, table: Table, dropped: int) -> None:
    data = shown(table.path)
    print(f"{shown(job.path)} on {data}: {len(job.table)} rows, columns {', '.join(job.arguments)}")
    if dropped:
        print(f"  {dropped} of {len(table)} rows lack a value and are left out")
    latent = job.of_kind("latent")
    count = sum(int(np.prod(s.shape)) for s in latent)
    print(f"  {count} numbers to infer in {len(latent)} sites: {_some([s.name for s in latent])}")
    observed = job.of_kind("observed")
    if observed:
        print("  observed: " + _some([f"{s.name} ({s.distribution})" for s in observed]))
    else:
        print("  nothing is observed: these are draws of the prior and of the model's factors")


def _some(names: list[str], most: int = 12) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


# sampling ------------------------------------------------------------------------------------


def _sample(job: Job, options: Options) -> MCMC:
    starts = {
        "uniform": init_to_uniform, "median": init_to_median, "mean": init_to_mean,
        "sample": init_to_sample,
    }  # fmt: skip
    if isinstance(options.init, Mapping):
        unknown = [n for n in options.init if n not in {s.name for s in job.of_kind("latent")}]
        if unknown:
            raise UserError(f"settings['init'] names {', '.join(unknown)}: no such latent site")
        start = init_to_value(values=options.init)
    else:
        start = starts[options.init]
    progress = sys.stderr.isatty() if options.progress is None else options.progress
    kernel = NUTS(
        job.run,
        target_accept_prob=options.target_accept,
        max_tree_depth=options.max_tree_depth,
        dense_mass=options.dense_mass,
        init_strategy=start,
    )
    mcmc = MCMC(
        kernel,
        num_warmup=options.warmup,
        num_samples=options.samples,
        num_chains=options.chains,
        progress_bar=progress,
    )
    print(
        f"  {options.chains} chain{'s' * (options.chains > 1)} of {options.warmup} warmup and "
        f"{options.samples} kept draws, seed {options.seed}",
        flush=True,
    )
    with _own_faults_apart(job, options):
        mcmc.run(random.PRNGKey(options.seed), job.arguments)
    return mcmc


@contextlib.contextmanager
def _own_faults_apart(job: Job, options: Options) -> Iterator[None]:
    """What the model raises is the user's; what the compiler raises is ours and stays as it is."""
    try:
        with load.failures(f"{shown(job.path)}: the model failed", options.traceback):
            try:
                yield
            except (CompileError, SpecError) as e:
                ours: BaseException | None = e
            else:
                ours = None
    except KeyboardInterrupt:
        raise Stopped("stopped; nothing was written") from None
    if ours is not None:
        raise ours


@dataclass
class Result:
    """Draws and what they say."""

    samples: dict[str, np.ndarray]  # site -> (chains, draws, ...)
    stats: dict[str, np.ndarray]
    rows: list[Row]
    verdict: Verdict
    interrupted: bool
    hidden: list[str]
    predictions: list[plots.Predicted] = field(default_factory=list)
    predictive: dict[str, np.ndarray] = field(default_factory=dict)


def _collect(job: Job, options: Options, plan: Plan, mcmc: MCMC) -> Result:
    drawn = {k: np.asarray(v) for k, v in mcmc.get_samples(group_by_chain=True).items()}
    if not drawn:
        raise Stopped("stopped before the first draw; nothing was written")
    samples = {n: drawn[n] for n in job.sites if n in drawn}
    stats = {k: np.asarray(v) for k, v in mcmc.get_extra_fields(group_by_chain=True).items()}
    by_site = {
        n: rows_of({n: samples[n]})
        for n, s in job.sites.items()
        if n in samples and (s.kind == "latent" or n in plan.shown)
    }
    rows = [r for n in plan.shown for r in by_site[n]]
    verdict = judge([r for rs in by_site.values() for r in rs], stats, options.max_tree_depth)
    if mcmc.interrupted:
        done = next(iter(samples.values())).shape[1]
        verdict.findings.insert(
            0, f"Stopped by Ctrl-C: these are the first {done} of {options.samples} draws a chain."
        )
        verdict.level = "bad" if verdict.level == "bad" else "caution"
    hidden = [n for n in samples if n not in plan.shown]
    return Result(samples, stats, rows, verdict, mcmc.interrupted, hidden)


def _tell(result: Result) -> None:
    lines = format_table(result.rows)
    print()
    print("\n".join(lines[: MOST_PRINTED + 1]))
    if len(result.rows) > MOST_PRINTED:
        print(f"… and {len(result.rows) - MOST_PRINTED} more rows, in report.html")
    if result.hidden:
        print(f"(not shown, but judged and kept: {_some(result.hidden)})")
    verdict = result.verdict
    print(f"\n{verdict.headline}")
    for finding in verdict.findings:
        print(f"  - {finding}")
    print("  " + "; ".join(verdict.facts) + ".\n", flush=True)


# predictions and files -----------------------------------------------------------------------


class _Forget(handlers.uncondition):
    """Draw the chosen observed sites; all others stay as the data have them."""

    def __init__(self, fn: Any, names: set[str]) -> None:
        super().__init__(fn)
        self.names = names

    def process_message(self, msg: dict[str, Any]) -> None:
        if msg.get("name") in self.names:
            super().process_message(msg)


def _predict(job: Job, options: Options, plan: Plan, result: Result) -> None:
    if not plan.predicted:
        return
    names = [s.name for s in plan.predicted]
    latent = {s.name: result.samples[s.name] for s in job.of_kind("latent")}
    size = sum(s.value.size for s in plan.predicted if s.value is not None)
    chains, draws = next(iter(latent.values())).shape[:2]
    stride = max(1, -(-chains * draws * size // MOST_PREDICTED))
    thinned = {k: v[:, ::stride] for k, v in latent.items()}
    with _own_faults_apart(job, options):
        predictive = Predictive(
            _Forget(job.run, set(names)), thinned, return_sites=names, batch_ndims=2
        )
        drawn = predictive(random.fold_in(random.PRNGKey(options.seed), 1), job.arguments)
    result.predictive = {k: np.asarray(v) for k, v in drawn.items()}
    result.predictions = [
        plots.Predicted(s.name, s.value, result.predictive[s.name])
        for s in plan.predicted
        if s.value is not None
    ]


def _write(
    job: Job, options: Options, plan: Plan, result: Result, mcmc: MCMC, staging: Staging,
    clock: Clock, command: list[str],
) -> None:  # fmt: skip
    diverging = result.stats["diverging"]
    inference = _inference_data(job, result, mcmc, command)
    size = sum(inference[g].nbytes for g in inference.groups())
    with staging.writing("posterior.nc", size + size // 4 + (1 << 20)) as path:
        engine = "h5netcdf" if importlib.util.find_spec("h5netcdf") else "netcdf4"
        inference.to_netcdf(str(path), engine=engine)
    pictures = []
    with staging.writing("trace.png") as path:
        plots.trace_plot(path, result.rows, diverging)
        pictures.append(("Traces", path))
    with staging.writing("pair.png") as path:
        plots.pair_plot(path, result.rows, diverging)
        pictures.append(("Pairs", path))
    if result.predictions:
        with staging.writing("predictive.png") as path:
            plots.predictive_plot(path, result.predictions, plan.x, plan.x_label)
            pictures.insert(0, ("The data and what the model predicts", path))
    with staging.writing("report.html") as path:
        report = _report(job, options, result, pictures, clock, command)
        flagged = {r.label for r in result.rows if r.rhat > 1.01}
        path.write_text(render(report, flagged), encoding="utf-8")


def _inference_data(job: Job, result: Result, mcmc: MCMC, command: list[str]) -> Any:
    """All that was drawn and seen, as `arviz.InferenceData`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ArviZ announces its next version at import
        from bibun.prob.infer.arviz import import_arviz

        arviz = import_arviz()
        size = sum(s.value.size for s in job.of_kind("observed") if s.value is not None)
        wanted = size * result.stats["diverging"].size <= MOST_PREDICTED
        inference = mcmc.to_arviz(log_likelihood=wanted)
        if result.predictive:
            data = arviz.dict_to_dataset(result.predictive, library=bibun)
            inference.add_groups(posterior_predictive=data)
        columns = arviz.dict_to_dataset(job.arguments, library=bibun, default_dims=[])
        inference.add_groups(constant_data=columns)
        inference.posterior.attrs.update(
            inference_library="bibun",
            inference_library_version=bibun.__version__,
            command=shlex.join(command),
        )
        return inference


def _report(
    job: Job, options: Options, result: Result, pictures: list[tuple[str, Path]], clock: Clock,
    command: list[str],
) -> Report:  # fmt: skip
    packages = ("numpy", "scipy", "llvmlite", "arviz", "matplotlib")
    versions = ", ".join(f"{p} {importlib.metadata.version(p)}" for p in packages)
    chains, draws = result.stats["diverging"].shape
    shape = f"{len(job.table)} rows; columns {', '.join(job.arguments)}"
    run = [
        ("Command", shlex.join(command)),
        ("Date", datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z")),
        ("Data", f"{shown(options.data_file)}: {shape}"),
        (
            "Sampler",
            f"NUTS, {chains} chains of {options.warmup} warmup and {draws} kept draws, seed "
            f"{options.seed}, target acceptance {options.target_accept}, "
            f"{'dense' if options.dense_mass else 'diagonal'} mass matrix",
        ),
        ("Versions", f"bibun {bibun.__version__}, Python {platform.python_version()}, {versions}"),
        ("Machine", f"{platform.system()} {platform.machine()}"),
        *((what.capitalize(), f"{seconds:.1f} s") for what, seconds in clock.parts.items()),
    ]
    notes = []
    if result.hidden:
        notes.append(f"Not shown, but judged and kept in posterior.nc: {_some(result.hidden)}.")
    return Report(
        title=f"{job.path.stem} on {options.data_file.name}",
        subtitle=f"{shape} · {chains} × {draws} draws",
        verdict=result.verdict,
        notes=notes,
        rows=result.rows,
        predictions=[p.sentence for p in result.predictions],
        pictures=pictures,
        source_name=shown(job.path),
        source=job.source,
        run=run,
    )
