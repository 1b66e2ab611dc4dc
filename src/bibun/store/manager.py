"""The checkpoints of a training run: one a step, old ones deleted, the last or the best found.

Each step is a checkpoint of its own in a directory named by its number, so a step exists or
does not, as `atomic.py` has it. Deleting renames first, so a step half deleted is none.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bibun.store import args as store_args
from bibun.store import atomic
from bibun.store.checkpointer import AsyncCheckpointer
from bibun.store.folder import MANIFEST
from bibun.store.handlers import CompositeCheckpointHandler

_SINGLE, _METRICS = "default", "metrics"


@dataclasses.dataclass
class CheckpointManagerOptions:
    """When to save, and what to keep.

    `save_interval_steps`: steps that are multiples of this are saved. `max_to_keep`: how many
    (None: all): the last ones, or with `best_fn` the best. `best_fn`: from a save's metrics to
    a number; `best_mode`: "max" or "min". `keep_period`: multiples of this are never deleted.
    `keep_checkpoints_without_metrics`: those do not count as worst. `should_save_fn(step, latest)`:
    instead of the interval. `step_prefix`: step 3 is the directory `PREFIX_3`. `create`: make the
    directory. `read_only`: save and delete nothing. `enable_async_checkpointing`: save in a thread.

    Errors: ValueError for a number below 1, or another `best_mode`.

    >>> CheckpointManagerOptions(save_interval_steps=100, max_to_keep=3).keep_period is None
    True
    """

    save_interval_steps: int = 1
    max_to_keep: int | None = None
    keep_period: int | None = None
    best_fn: Callable[[Any], float] | None = None
    best_mode: str = "max"
    keep_checkpoints_without_metrics: bool = True
    should_save_fn: Callable[[int, int | None], bool] | None = None
    step_prefix: str | None = None
    create: bool = True
    read_only: bool = False
    enable_async_checkpointing: bool = True

    def __post_init__(self) -> None:
        if self.best_mode not in ("max", "min"):
            raise ValueError(f"best_mode must be 'max' or 'min', got {self.best_mode!r}")
        for name in ("save_interval_steps", "max_to_keep", "keep_period"):
            number = getattr(self, name)
            if number is not None and number < 1:
                raise ValueError(f"{name} must be at least 1, got {number}")


class CheckpointManager:
    """Numbered checkpoints in a directory.

    `save(step, args=...)` as `Checkpointer.save`; with `metrics` for choosing the best.
    `restore(step)` or, without a step, the latest. `options`: `CheckpointManagerOptions`.

    >>> import tempfile
    >>> import bibun.numpy as bnp
    >>> from bibun import store
    >>> options = store.CheckpointManagerOptions(
    ...     max_to_keep=2, best_fn=lambda m: m["loss"], best_mode="min")
    >>> with store.CheckpointManager(tempfile.mkdtemp(), options=options) as manager:
    ...     for step, loss in enumerate([3.0, 1.0, 2.0]):
    ...         _ = manager.save(step, args=store.args.StandardSave({"w": bnp.ones(2) * step}),
    ...                          metrics={"loss": loss})
    ...     manager.wait_until_finished()
    ...     manager.all_steps(), manager.best_step(), manager.latest_step()
    ...     manager.restore(manager.best_step())["w"]
    ([1, 2], 1, 2)
    Array([1., 1.], dtype=float64)
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        options: CheckpointManagerOptions | None = None,
        item_names: tuple[str, ...] | None = None,
    ) -> None:
        self.directory = atomic.absolute(directory)
        self.options = options or CheckpointManagerOptions()
        if self.options.create and not self.options.read_only:
            self.directory.mkdir(parents=True, exist_ok=True)
        if not self.directory.is_dir():
            raise FileNotFoundError(2, "there is no such directory", str(self.directory))
        names = (*item_names, _METRICS) if item_names else ()
        self._checkpointer = AsyncCheckpointer(CompositeCheckpointHandler(*names))

    def __enter__(self) -> CheckpointManager:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Wait for a save under way; raises what it failed with."""
        self._checkpointer.close()

    def wait_until_finished(self) -> None:
        """Return when the last save is on the disk. Errors: whatever it failed with."""
        self._checkpointer.wait_until_finished()

    # steps ----------------------------------------------------------------------------------------

    def _path(self, step: int) -> Path:
        prefix = f"{self.options.step_prefix}_" if self.options.step_prefix else ""
        return self.directory / f"{prefix}{int(step)}"

    def all_steps(self) -> list[int]:
        """The steps that are there, ascending."""
        steps = set()
        with os.scandir(self.directory) as entries:
            for entry in entries:
                name = entry.name
                if name.startswith(".") and name.endswith(".bibun-old"):
                    name = name[1:].removesuffix(".bibun-old")  # set aside, not yet replaced
                digits = name.rpartition("_")[2] if self.options.step_prefix else name
                if digits.isdecimal() and self._path(int(digits)).name == name:
                    if (Path(entry.path) / MANIFEST).is_file():
                        steps.add(int(digits))
        return sorted(steps)

    def latest_step(self) -> int | None:
        """The highest step there is, or None."""
        return max(self.all_steps(), default=None)

    def best_step(self) -> int | None:
        """The step whose metrics are best, or None if no step has any; the latest of equals."""
        scores = self._scores(self.all_steps())
        return max(scores, key=lambda s: (scores[s], s), default=None)

    def _scores(self, steps: list[int]) -> dict[int, float]:
        """Step to score, greater is better; without `best_fn` the step itself."""
        best = self.options.best_fn
        if best is None:
            return {s: s for s in steps}
        sign = 1.0 if self.options.best_mode == "max" else -1.0
        found = {s: self._metrics(s) for s in steps}
        return {s: sign * float(best(m)) for s, m in found.items() if m is not None}

    def metrics(self, step: int) -> Any:
        """The metrics a step was saved with, or None."""
        self.wait_until_finished()
        return self._metrics(step)

    def _metrics(self, step: int) -> Any:
        def read(folder: Any) -> Any:
            return folder.json(f"{_METRICS}/data.json") if _METRICS in folder.items else None

        return self._checkpointer.read_now(self._path(step), read)

    def should_save(self, step: int) -> bool:
        """Whether `save` would save this step: after the latest, and of the interval."""
        if self.options.read_only:
            return False
        latest = self.latest_step()
        if latest is not None and step <= latest:
            return False
        if self.options.should_save_fn is not None:
            return bool(self.options.should_save_fn(step, latest))
        return step % self.options.save_interval_steps == 0

    # saving and restoring -------------------------------------------------------------------------

    def save(
        self, step: int, *items: Any, args: Any = None, metrics: Any = None, force: bool = False
    ) -> bool:
        """Save a step if `should_save`, or `force`; whether it does.

        Errors: FileExistsError for a step that is there already; as `Checkpointer.save`.
        """
        if step < 0:
            raise ValueError(f"a step is not negative, got {step}")
        self.wait_until_finished()
        if self.options.read_only or not (force or self.should_save(step)):
            return False
        given = items[0] if items else args
        if not isinstance(given, store_args.Composite):
            if not isinstance(given, store_args.CheckpointArgs):
                raise TypeError("save(step, args=...) takes args.StandardSave(...) or the like")
            given = store_args.Composite({_SINGLE: given})
        if _METRICS in given:
            raise ValueError(f"{_METRICS!r} is where the metrics go; name the item otherwise")
        if metrics is not None:
            given = store_args.Composite({**given, _METRICS: store_args.JsonSave(metrics)})
            if self.options.best_fn is not None:
                float(self.options.best_fn(metrics))  # its errors now, not in the thread
        path, write = self._checkpointer._prepare(self._path(step), (), given, False)

        def work() -> None:
            self._checkpointer._commit(path, write, False)
            self._retire(step)

        self._checkpointer._start(work)
        if not self.options.enable_async_checkpointing:
            self.wait_until_finished()
        return True

    def _retire(self, newest: int) -> None:
        """Delete what `max_to_keep` does not keep."""
        if self.options.max_to_keep is None:
            return
        steps, period = self.all_steps(), self.options.keep_period
        scores = self._scores(steps)
        ranked = sorted(scores, key=lambda s: (scores[s], s), reverse=True)
        doomed = ranked[self.options.max_to_keep :]
        if not self.options.keep_checkpoints_without_metrics:
            doomed += [s for s in steps if s not in scores and s != newest]
        for step in doomed:
            if period is None or step % period:
                with contextlib.suppress(FileNotFoundError):
                    atomic.discard(self._path(step))

    def restore(self, step: int | None = None, *items: Any, args: Any = None) -> Any:
        """What a step was saved with; without a step, the latest.

        Errors: FileNotFoundError where there is no such step, or none at all.
        """
        self.wait_until_finished()
        if step is None:
            step = self.latest_step()
            if step is None:
                raise FileNotFoundError(2, "there is no checkpoint yet in", str(self.directory))
        given = items[0] if items else args
        path = self._path(step)
        if given is not None and not isinstance(given, store_args.Composite):
            return self._checkpointer.restore(path, args=store_args.Composite({_SINGLE: given}))[
                _SINGLE
            ]
        found = self._checkpointer.restore(path, args=given)
        if given is None:
            found = {n: v for n, v in found.items() if n != _METRICS}
            return found[_SINGLE] if list(found) == [_SINGLE] else store_args.Composite(found)
        return found

    def item_metadata(self, step: int) -> Any:
        """Structure, shapes and dtypes of a step's items."""
        found = self._checkpointer.metadata(self._path(step))
        rest = {n: v for n, v in found.items() if n != _METRICS}
        return rest[_SINGLE] if list(rest) == [_SINGLE] else store_args.Composite(rest)

    def delete(self, step: int) -> None:
        """Delete a step. Errors: FileNotFoundError where there is none."""
        self.wait_until_finished()
        if step not in self.all_steps():
            raise FileNotFoundError(2, f"there is no step {step} in", str(self.directory))
        atomic.discard(self._path(step))
