"""Where directories cannot be opened, exchanged or synced, and mapped files not replaced: Windows.

Its ways are taken here on whatever system the tests run.
"""

from __future__ import annotations

import os

import numpy as np
import pytest

import bibun.numpy as bnp
from bibun import store
from bibun.store import atomic, folder, tensors


@pytest.fixture(autouse=True)
def as_on_windows(monkeypatch):
    monkeypatch.setattr(folder, "RELATIVE", False)
    monkeypatch.setattr(tensors, "MAPPED", False)
    monkeypatch.setattr(atomic, "POSIX", False)
    monkeypatch.setattr(atomic, "_alive_on_windows", lambda pid: pid == os.getpid())
    atomic._renameat2.cache_clear()
    yield
    atomic._renameat2.cache_clear()


def test_saving_replacing_restoring(tmp_path):
    path = tmp_path / "run"
    with store.StandardCheckpointer() as checkpointer:
        checkpointer.save(path, {"w": bnp.ones(3), "step": 1})
        checkpointer.wait_until_finished()
        first = checkpointer.restore(path)
        with pytest.raises(FileExistsError):
            checkpointer.save(path, {"w": bnp.zeros(3), "step": 2})
        checkpointer.save(path, {"w": bnp.zeros(3), "step": 2}, force=True)
        checkpointer.wait_until_finished()
        second = checkpointer.restore(path)
    assert np.asarray(first["w"]).tolist() == [1.0, 1.0, 1.0]
    assert (np.asarray(second["w"]).tolist(), second["step"]) == ([0.0, 0.0, 0.0], 2)
    assert os.listdir(tmp_path) == ["run"]
    assert not np.asarray(first["w"]).flags.writeable


def test_what_dead_writers_left_is_swept(tmp_path):
    dead, alive = (tmp_path / f"{atomic._prefix(tmp_path / 'run')}{pid}-00" for pid in
                   (os.getpid() + 1, os.getpid()))  # fmt: skip
    dead.mkdir()
    alive.mkdir()
    store.PyTreeCheckpointer().save(tmp_path / "run", {"w": bnp.ones(1)})
    assert not dead.exists() and alive.exists()


def test_managers_keep_and_delete(tmp_path):
    options = store.CheckpointManagerOptions(max_to_keep=2)
    with store.CheckpointManager(tmp_path, options=options) as manager:
        kept = []
        for step in range(4):
            manager.save(step, args=store.args.StandardSave({"w": bnp.full(2, float(step))}))
            manager.wait_until_finished()
            kept.append(manager.restore(step)["w"])  # held while its checkpoint is deleted
        assert manager.all_steps() == [2, 3]
    assert [float(w[0]) for w in kept] == [0.0, 1.0, 2.0, 3.0]


def test_a_replaced_checkpoint_is_noticed(tmp_path):
    path = tmp_path / "run"
    checkpointer = store.PyTreeCheckpointer()
    checkpointer.save(path, {"w": bnp.ones(2)})
    with folder.Folder(path) as opened:
        assert not opened.moved()
        checkpointer.save(path, {"w": bnp.zeros(2)}, force=True)
        assert opened.moved()


def test_links_and_paths_are_refused(tmp_path):
    store.PyTreeCheckpointer().save(tmp_path / "run", {"w": bnp.ones(2)})
    file = tmp_path / "run" / "tree.json"
    file.rename(tmp_path / "tree.json")
    file.symlink_to(tmp_path / "tree.json")
    with pytest.raises(store.CheckpointError, match="not a plain file"):
        store.PyTreeCheckpointer().restore(tmp_path / "run")
    with folder.Folder(tmp_path / "run") as opened:
        for name in ("..\\x", "c:x", "../x", "a/b/c"):
            with pytest.raises(store.CheckpointError, match="leads outside"):
                opened._open(name)
    with pytest.raises(store.CheckpointError, match="is a file"):
        store.PyTreeCheckpointer().restore(tmp_path / "tree.json")
    with pytest.raises(FileNotFoundError):
        store.PyTreeCheckpointer().restore(tmp_path / "none")
