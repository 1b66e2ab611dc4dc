"""The object cache: damage, bounds, privacy, processes side by side."""

import ctypes
import os
import subprocess
import sys
import time

import pytest

import bibun
from bibun.compiler import cache
from bibun.compiler.cache import Cache
from bibun.config import config

IR = "define double @f(double %x) {\n  %y = fadd double %x, 42.0\n  ret double %y\n}"


@pytest.fixture
def folder(tmp_path):
    with config.using(cache_dir=str(tmp_path / "c")):
        cache.stats.__init__()
        yield tmp_path / "c"


def run(native):
    return ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(native.address)(1.0)


def compile_ir():
    return cache.load_or_compile("key", lambda: (IR, None), "f")


def entries(folder):
    return sorted(folder.rglob("*.bco"))


def test_second_time_is_served(folder):
    native, hit = compile_ir()
    assert not hit
    assert run(native) == 43.0

    def never():
        raise AssertionError("compiled again")

    native, hit = cache.load_or_compile("key", never, "f")
    assert hit
    assert run(native) == 43.0
    assert (cache.stats.hits, cache.stats.misses, cache.stats.stored) == (1, 1, 1)


def test_keys_separate_what_differs(folder):
    compile_ir()
    other = IR.replace("42.0", "1.0")
    native, hit = cache.load_or_compile("other key", lambda: (other, None), "f")
    assert not hit
    assert run(native) == 2.0
    _, hit = cache.load_or_compile("key", lambda: (IR, None), "f", opt="O2")
    assert not hit
    assert cache.make_key("a", "bc") != cache.make_key("ab", "c")


@pytest.mark.parametrize("where", [0, 40, 60, 200, -1])
def test_a_flipped_bit_is_seen_and_the_entry_rebuilt(folder, where):
    compile_ir()
    (path,) = entries(folder)
    data = bytearray(path.read_bytes())
    data[where] ^= 0x10
    path.write_bytes(data)
    native, hit = compile_ir()
    assert not hit
    assert run(native) == 43.0
    assert cache.stats.damaged == 1
    assert compile_ir()[1]


@pytest.mark.parametrize("length", [0, 10, 32, 39, 300])
def test_a_truncated_entry(folder, length):
    compile_ir()
    (path,) = entries(folder)
    path.write_bytes(path.read_bytes()[:length])
    native, hit = compile_ir()
    assert not hit
    assert run(native) == 43.0
    assert cache.stats.damaged == 1


def test_an_entry_that_does_not_link_is_rebuilt(folder):
    key = cache.make_key("key", "f", "O2")
    cache.put(key, b"well stored, but no object")
    native, hit = compile_ir()
    assert not hit
    assert run(native) == 43.0
    assert compile_ir()[1]


def test_metadata(folder):
    key = cache.make_key("k")
    cache.put(key, b"123", {"n": 1})
    assert cache.current().get(key) == ({"n": 1}, b"123")
    assert cache.get(key) == b"123"
    assert cache.get(cache.make_key("no")) is None


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_private(folder):
    compile_ir()
    (path,) = entries(folder)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_a_folder_others_may_write_is_not_used(folder):
    folder.mkdir()
    folder.chmod(0o777)
    native, hit = compile_ir()
    assert not hit
    assert run(native) == 43.0
    assert entries(folder) == []
    assert "private" in cache.stats.last_error


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_a_folder_opened_to_others_later_is_not_read(folder):
    compile_ir()
    folder.chmod(0o770)
    native, hit = compile_ir()
    assert not hit
    assert run(native) == 43.0


def test_an_entry_under_another_name_is_not_used(folder):
    """Well stored, ours, and another program: whoever can rename files cannot exchange code."""
    compile_ir()
    (path,) = entries(folder)
    key = cache.make_key("other key", "f", "O1")
    other = folder / key[:2] / (key + ".bco")
    other.parent.mkdir(mode=0o700, exist_ok=True)
    other.write_bytes(path.read_bytes())
    text = IR.replace("42.0", "1.0")
    native, hit = cache.load_or_compile("other key", lambda: (text, None), "f")
    assert not hit
    assert run(native) == 2.0
    assert cache.stats.damaged == 1


def test_switched_off(tmp_path):
    with config.using(cache_dir=""):
        assert cache.current() is None
        assert run(compile_ir()[0]) == 43.0
        assert not compile_ir()[1]


def test_unusable_place_is_counted_and_survived(tmp_path):
    blocker = tmp_path / "file"
    blocker.write_text("not a directory")
    with config.using(cache_dir=str(blocker / "below")):
        cache.stats.__init__()
        assert run(compile_ir()[0]) == 43.0
        assert cache.stats.errors >= 1
        assert cache.stats.last_error


def test_full_disk(folder, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache.os, "replace", full)
    assert run(compile_ir()[0]) == 43.0
    assert cache.stats.errors == 1
    assert list(folder.rglob("*.tmp")) == []


def test_least_recently_used_go_first(tmp_path):
    c = Cache(tmp_path / "c", 10_000)
    keys = [cache.make_key(i) for i in range(12)]
    for i, key in enumerate(keys[:8]):
        c.put(key, bytes(1000))
        os.utime(c.path(key), (time.time() - 1000 + i,) * 2)
    assert c.get(keys[0]) is not None  # used again: now the newest
    for key in keys[8:]:
        c.put(key, bytes(1000))
    left = [k for k in keys if c.path(key=k).exists()]
    assert keys[0] in left
    assert keys[1] not in left
    assert keys[-1] in left
    assert sum(c.path(k).stat().st_size for k in left) <= 10_000
    c.put(cache.make_key("huge"), bytes(20_000))
    assert not c.path(cache.make_key("huge")).exists()


def test_entries_are_counted_once(tmp_path, monkeypatch):
    """A directory of many entries takes a second to look through."""
    looked = []
    monkeypatch.setattr(Cache, "_evict", lambda self: looked.append(1) or 500)
    key = cache.make_key("x")
    for expected, damage in ((1, None), (1, None), (2, b"garbage"), (3, b"")):
        if damage is not None:
            (tmp_path / "c" / "size").write_bytes(damage)
        Cache(tmp_path / "c", 10_000).put(key, bytes(1000))  # as another process
        assert len(looked) == expected
    for _ in range(10):
        Cache(tmp_path / "c", 10_000).put(key, bytes(1000))
    assert len(looked) == 4  # over its bound


def test_two_processes_at_once(folder):
    code = (
        "import ctypes\nfrom bibun.compiler import cache\n"
        "for i in range(4):\n"
        f"    ir = {IR!r}.replace('42.0', f'{{i}}.0')\n"
        "    n, _ = cache.load_or_compile(f'k{i}', lambda: (ir, None), 'f')\n"
        "    f = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(n.address)\n"
        "    assert f(1.0) == 1.0 + i\n"
        "print('errors', cache.stats.errors + cache.stats.damaged)\n"
    )
    env = {**os.environ, "BIBUN_CACHE_DIR": str(folder)}
    jobs = [
        subprocess.Popen([sys.executable, "-c", code], env=env, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    for job in jobs:
        assert job.communicate()[0].strip() == "errors 0"
        assert job.returncode == 0
    assert len(entries(folder)) == 4


def test_two_installations_of_one_version_share_nothing(tmp_path, monkeypatch):
    """What is installed is told apart by the installer's list of its files."""
    packages = tmp_path / "site-packages"
    (packages / "bibun" / "compiler").mkdir(parents=True)
    info = packages / f"bibun-{bibun.__version__}.dist-info"
    info.mkdir()
    monkeypatch.setattr(cache, "__file__", str(packages / "bibun" / "compiler" / "cache.py"))
    stamps = set()
    for content in ("bibun/array.py,sha256=one,1", "bibun/array.py,sha256=two,1"):
        (info / "RECORD").write_text(content)
        stamps.add(cache._source_stamp.__wrapped__())
    (info / "RECORD").unlink()  # an installer that keeps none
    stamps.add(cache._source_stamp.__wrapped__())
    assert len(stamps) == 3
