"""Results appear whole or not at all, whatever the disk does."""

from __future__ import annotations

import errno
import os

import pytest

from bibun.cli.errors import UserError
from bibun.cli.output import FILES, Staging


def tree(path):
    return {str(p.relative_to(path)): p.read_bytes() for p in path.rglob("*") if p.is_file()}


def fill(staging, text, names=FILES):
    for name in names:
        with staging.writing(name) as path:
            path.write_text(text)


def test_files_arrive_and_nothing_else_stays(tmp_path):
    out = tmp_path / "deep" / "results"
    with Staging(out) as staging:
        fill(staging, "new")
        assert not out.exists()
        assert staging.publish() == [out / n for n in FILES]
    assert tree(tmp_path) == {f"deep/results/{n}": b"new" for n in FILES}


def test_earlier_results_are_replaced_and_others_files_are_left(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    for name in FILES:
        (tmp_path / name).write_text("old")
    with Staging(tmp_path) as staging:
        fill(staging, "new", [n for n in FILES if n != "predictive.png"])
        staging.publish()
    left = tree(tmp_path)
    assert left.pop("notes.txt") == b"mine"
    assert left == {n: b"new" for n in FILES if n != "predictive.png"}


def test_a_failure_before_the_end_changes_nothing(tmp_path):
    (tmp_path / "report.html").write_text("old")
    before = tree(tmp_path)

    def run():
        with Staging(tmp_path) as staging:
            fill(staging, "new", FILES[:2])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        run()
    assert tree(tmp_path) == before


@pytest.mark.parametrize("good", range(len(FILES)))
def test_a_failure_while_moving_is_undone(tmp_path, monkeypatch, good):
    for name in FILES[:3]:
        (tmp_path / name).write_text("old")
    before = tree(tmp_path)
    replace, left = os.replace, [good]

    def failing(a, b):
        if ".bibun-fit-" in str(a) and "earlier" not in str(a):
            if not left[0]:
                raise OSError(errno.ENOSPC, "No space left on device")
            left[0] -= 1
        replace(a, b)

    monkeypatch.setattr(os, "replace", failing)
    with pytest.raises(UserError, match="the disk is full"), Staging(tmp_path) as staging:
        fill(staging, "new")
        staging.publish()
    assert tree(tmp_path) == before


def test_a_full_disk_is_said(tmp_path):
    def run():
        with Staging(tmp_path / "r") as staging, staging.writing("trace.png"):
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(UserError) as error:
        run()
    assert "trace.png: cannot be written: the disk is full" in str(error.value)
    assert "Nothing in" in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_places_that_are_no_directories(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match="is a file; --out needs a directory"):
        Staging(tmp_path / "file").__enter__()
    with pytest.raises(UserError, match="cannot be made, since .*file is a file"):
        Staging(tmp_path / "file" / "below").__enter__()
    (tmp_path / "r" / "trace.png").mkdir(parents=True)
    with pytest.raises(UserError, match="is a directory where a result should go"):
        Staging(tmp_path / "r").__enter__()


def test_a_directory_without_permission(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("bibun.cli.output.tempfile.mkdtemp", refuse)  # root may write anywhere
    with pytest.raises(UserError, match="no permission to write in"):
        Staging(tmp_path / "r").__enter__()
