"""Kills, bit flips, cut files, full disks, links and lies: nothing half is ever taken for good."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest

import bibun.numpy as bnp
from bibun import store
from bibun.store import atomic
from bibun.store.folder import Folder, _digest, _dump

linux = pytest.mark.skipif(sys.platform != "linux", reason="fork and kill")


def tree_of(k: float):
    return {"a": bnp.full((3000,), k), "b": [bnp.full((50, 50), k), float(k)]}


def number(found) -> float:
    """The number a whole tree is full of; fails for a mixture."""
    a, b = np.asarray(found["a"]), np.asarray(found["b"][0])
    values = {found["b"][1], *np.unique(a), *np.unique(b)}
    assert len(values) == 1, "a mixture of two checkpoints"
    return values.pop()


# Killed -------------------------------------------------------------------------------------------

WRITER = textwrap.dedent("""
    import os, sys, itertools
    import bibun.numpy as bnp
    from bibun import store
    if sys.argv[2] == "set aside":
        store.atomic._exchange = lambda a, b: False  # as on NFS
    trees = [{"a": bnp.full((3000,), float(k)), "b": [bnp.full((50, 50), float(k)), float(k)]}
             for k in range(200)]
    for line in sys.stdin:  # one line, one child that saves until it is killed
        first = int(line)
        child = os.fork()
        if not child:
            c = store.PyTreeCheckpointer()
            for k in itertools.count(first):
                c.save(sys.argv[1], trees[k % 200], force=True)
        print(child, flush=True)
        os.waitpid(child, 0)
        print("gone", flush=True)
""")


@linux
@pytest.mark.parametrize("way", ["exchange", "set aside"])
def test_killed_at_random_moments(tmp_path, way) -> None:
    path, rng, wait = tmp_path / "run", random.Random(1), threading.Event()
    c = store.PyTreeCheckpointer()
    c.save(path, tree_of(0.0))
    seen, longest = set(), 0.05  # seconds until a child is killed
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", WRITER, str(path), way],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as parent:  # fmt: skip
        assert parent.stdin is not None and parent.stdout is not None
        for kill in range(60):
            print(kill * 3, file=parent.stdin, flush=True)
            child = int(parent.stdout.readline())
            wait.wait(rng.uniform(0.0, longest))
            os.kill(child, signal.SIGKILL)
            assert parent.stdout.readline() == "gone\n"
            found = number(c.restore(path))
            if found in seen:  # the disk is slow today: let them live longer
                longest *= 1.25
            seen.add(found)
        parent.stdin.close()
    assert len(seen) > 10  # it did save between the kills
    c.save(path, tree_of(1.0), force=True)
    assert [p.name for p in tmp_path.iterdir()] == ["run"]  # what the killed left is swept


CALLS = ["open", "fsync", "rename", "mkdir", "unlink", "rmdir"]


@linux
@pytest.mark.parametrize("way", ["exchange", "set aside"])
@pytest.mark.parametrize("old", [True, False])
def test_killed_before_every_system_call(tmp_path, way, old) -> None:
    """A child dies before its k-th call, for every k: the old one or the new one is there."""
    outcomes = []
    for k in range(200):
        path = tmp_path / f"{k}" / "run"
        if old:
            store.PyTreeCheckpointer().save(path, tree_of(1.0))
        child = os.fork()
        if not child:
            try:
                die_at(k, way)
                store.PyTreeCheckpointer().save(path, tree_of(2.0), force=True)
            finally:
                os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if old:
            outcomes.append(number(store.PyTreeCheckpointer().restore(path)))
        else:
            try:
                outcomes.append(number(store.PyTreeCheckpointer().restore(path)))
            except FileNotFoundError:
                outcomes.append(0.0)
        shutil.rmtree(tmp_path / f"{k}", ignore_errors=True)
        if code == 0:
            break
    assert k > 10
    assert outcomes == sorted(outcomes)  # old, old, …, new, new: one instant of change
    assert set(outcomes) == {1.0 if old else 0.0, 2.0}


def die_at(k: int, way: str) -> None:
    count = [0]

    def counted(f):
        def call(*args, **kwargs):
            if count[0] == k:
                os._exit(9)
            count[0] += 1
            return f(*args, **kwargs)

        return call

    for name in CALLS:
        setattr(os, name, counted(getattr(os, name)))
    atomic._exchange = counted(atomic._exchange) if way == "exchange" else lambda a, b: False


def test_readers_see_one_or_the_other(tmp_path) -> None:
    """A reader beside a writer that replaces the checkpoint all the time."""
    path, end = tmp_path / "run", threading.Event()
    trees = [tree_of(float(k)) for k in range(3)]
    c = store.PyTreeCheckpointer()
    c.save(path, trees[0])

    def write() -> None:
        k = 0
        while not end.is_set():
            store.PyTreeCheckpointer().save(path, trees[k % 3], force=True)
            k += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(100):
            number(c.restore(path))
    finally:
        end.set()
        writer.join()


def test_replaced_while_it_is_opened(tmp_path, monkeypatch) -> None:
    path, opened, times = tmp_path / "run", Folder._open, [0]
    c = store.PyTreeCheckpointer()
    c.save(path, tree_of(1.0))

    def replaced_meanwhile(self, name):
        times[0] += 1
        if times[0] == 1:
            c.save(path, tree_of(2.0), force=True)  # deletes what the reader has open
        return opened(self, name)

    monkeypatch.setattr(Folder, "_open", replaced_meanwhile)
    assert number(c.restore(path)) == 2.0
    assert times[0] > 1


def test_replaced_between_two_files_of_a_reader(tmp_path, monkeypatch) -> None:
    path, json_of, times = tmp_path / "run", Folder.json, [0]
    c = store.PyTreeCheckpointer()
    c.save(path, tree_of(1.0))

    def replaced_meanwhile(self, name):
        found = json_of(self, name)
        times[0] += 1
        if times[0] == 1:
            c.save(path, tree_of(2.0), force=True)  # deletes what the reader has open
        return found

    monkeypatch.setattr(Folder, "json", replaced_meanwhile)
    assert number(c.restore(path)) == 2.0
    assert times[0] == 2


# Damaged ------------------------------------------------------------------------------------------


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "run"
    tree = {"a": bnp.arange(40.0), "b": [np.ones((3, 3), np.int8), 2.5], "c": "text"}
    store.PyTreeCheckpointer().save(path, tree)
    return path


FILES = ["bibun.json", "tree.json", "arrays.safetensors"]


@pytest.mark.parametrize("name", FILES)
def test_a_flipped_bit_anywhere(saved, name) -> None:
    whole = (saved / name).read_bytes()
    rng = random.Random(0)
    for at in [0, len(whole) - 1, *(rng.randrange(len(whole)) for _ in range(100))]:
        bad = bytearray(whole)
        bad[at] ^= 1 << rng.randrange(8)
        (saved / name).write_bytes(bad)
        with pytest.raises(store.CheckpointError) as e:
            store.PyTreeCheckpointer().restore(saved)
        assert str(saved) in str(e.value)
    (saved / name).write_bytes(whole)
    store.PyTreeCheckpointer().restore(saved)


@pytest.mark.parametrize("name", FILES)
def test_a_file_cut_short_lengthened_or_gone(saved, name) -> None:
    whole = (saved / name).read_bytes()
    for bad in (whole[:-1], whole[: len(whole) // 2], b"", whole + b"\0"):
        (saved / name).write_bytes(bad)
        for verify in (True, False):
            with pytest.raises(store.CheckpointError):
                store.PyTreeCheckpointer(verify=verify).restore(saved)
    (saved / name).unlink()
    with pytest.raises(store.CheckpointError, match=name):
        store.PyTreeCheckpointer().restore(saved)


def test_a_flipped_bit_names_the_tensor(saved) -> None:
    raw = bytearray((saved / "arrays.safetensors").read_bytes())
    raw[-1] ^= 1
    (saved / "arrays.safetensors").write_bytes(raw)
    with pytest.raises(store.CorruptCheckpointError, match="bytes of 'b.0' are not those saved"):
        store.PyTreeCheckpointer().restore(saved)
    part = {"a": np.zeros(40), "b": [..., 0.0], "c": ""}
    store.PyTreeCheckpointer().restore(saved, item=part)  # what is whole can be had


def rewrite(path, change) -> None:
    """A manifest with a right checksum that says something else."""
    text = json.loads((path / "bibun.json").read_bytes())
    change(text)
    text["sha256"] = _digest(_dump(text["body"]))
    (path / "bibun.json").write_bytes(_dump(text))


def test_foreign_things(tmp_path, saved) -> None:
    restore = store.PyTreeCheckpointer().restore
    with pytest.raises(FileNotFoundError, match="no checkpoint"):
        restore(tmp_path / "nothing")
    (tmp_path / "file").write_bytes(b"\x80\x04.")
    with pytest.raises(store.CheckpointError, match="is a file"):
        restore(tmp_path / "file")
    (tmp_path / "empty").mkdir()
    with pytest.raises(store.CheckpointError, match="it has no bibun.json"):
        restore(tmp_path / "empty")
    (tmp_path / "empty" / "bibun.json").write_text('{"name": "something else"}')
    with pytest.raises(store.CorruptCheckpointError):
        restore(tmp_path / "empty")
    rewrite(saved, lambda t: t.update(version=2))
    with pytest.raises(store.CheckpointError, match="version 2 of the format.*newer"):
        restore(saved)
    rewrite(saved, lambda t: t.update(version=1, format="orbax"))
    with pytest.raises(store.CheckpointError, match="'orbax'"):
        restore(saved)


def test_nothing_outside_is_read(tmp_path, saved) -> None:
    """Links, and manifests made by an enemy."""
    secret = tmp_path / "secret.json"
    shutil.move(saved / "tree.json", secret)
    (saved / "tree.json").symlink_to(secret)
    with pytest.raises(store.CheckpointError, match="not a plain file"):
        store.PyTreeCheckpointer().restore(saved)
    for name in ("..", "../run", "/etc", "a/b"):
        rewrite(saved, lambda t, n=name: t["body"].update(composite=True, items={n: "json"}))
        c = store.Checkpointer(store.CompositeCheckpointHandler())
        with pytest.raises((store.CheckpointError, ValueError)):
            c.restore(saved)
    rewrite(saved, lambda t: t["body"].update(composite=False, items={"": "pickle"}))
    with pytest.raises(store.CheckpointError, match="'pickle'"):
        store.PyTreeCheckpointer().restore(saved)


def test_nothing_is_unpickled() -> None:
    folder = os.path.dirname(store.__file__)
    for name in os.listdir(folder):
        if name.endswith(".py"):
            with open(os.path.join(folder, name)) as f:
                text = f.read()
            assert "import pickle" not in text
            assert "allow_pickle" not in text
            assert "eval(" not in text


# The disk -----------------------------------------------------------------------------------------


@linux
def test_a_full_disk(tmp_path) -> None:
    """The kernel refuses to write on: the old checkpoint is whole, nothing is left behind."""
    path = tmp_path / "run"
    store.PyTreeCheckpointer().save(path, tree_of(1.0))
    child = os.fork()
    if not child:
        import resource

        code = 1
        try:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
            try:
                store.PyTreeCheckpointer().save(path, tree_of(2.0), force=True)
            except OSError as e:
                good = e.errno == errno.EFBIG and "saving the checkpoint failed" in str(e)
                code = 0 if good and str(path) in str(e) else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert number(store.PyTreeCheckpointer().restore(path)) == 1.0
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


def test_a_place_that_cannot_be_written(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"file"):
        store.PyTreeCheckpointer().save(tmp_path / "file" / "run", 1)


def test_errors_of_a_save_that_nobody_waited_for_are_printed(tmp_path) -> None:
    script = textwrap.dedent("""
        import sys, bibun.numpy as bnp
        from bibun import store
        def full(file, arrays): raise OSError(28, "No space left on device")
        store.tensors.write = full
        store.StandardCheckpointer().save(sys.argv[1], bnp.ones(3))
    """)
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "a")], capture_output=True, text=True
    )
    assert "bibun.store: a save failed" in done.stderr
    assert "No space left" in done.stderr


def test_python_does_not_exit_before_a_save_has_ended(tmp_path) -> None:
    script = textwrap.dedent("""
        import sys, bibun.numpy as bnp
        from bibun import store
        store.StandardCheckpointer().save(sys.argv[1], bnp.ones(2_000_000))
    """)
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "a")], check=True)
    assert store.PyTreeCheckpointer().restore(tmp_path / "a").shape == (2_000_000,)
