"""Saving and restoring: what goes in comes out; what does not fit is said."""

from __future__ import annotations

import json
import threading
import typing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import bibun
import bibun.numpy as bnp
from bibun import store, tree
from bibun.store import tensors


class Point(typing.NamedTuple):
    x: object
    y: object


@tree.register_pytree_node_class
class Layer:
    def __init__(self, w, b):
        self.w, self.b = w, b

    def tree_flatten(self):
        return (self.w, self.b), "metadata"

    @classmethod
    def tree_unflatten(cls, _, children):
        return cls(*children)


def roundtrip(path: Path, item, target=None):
    with store.StandardCheckpointer() as c:
        c.save(path, item)
        return c.restore(path, target)


def same(a, b) -> None:
    assert tree.structure(a) == tree.structure(b)
    for x, y in zip(tree.leaves(a), tree.leaves(b), strict=True):
        assert type(x) is type(y)
        if hasattr(x, "dtype"):
            assert (x.dtype, x.shape, getattr(x, "weak", 0)) == (
                y.dtype, y.shape, getattr(y, "weak", 0)
            )  # fmt: skip
            assert np.asarray(x).tobytes() == np.asarray(y).tobytes()
        else:
            assert x == y or (x != x and y != y)


DTYPES = (
    "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64 complex64 complex128"
)


@pytest.mark.parametrize("name", DTYPES.split())
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (2, 3, 4)])
def test_every_dtype_and_shape(tmp_path, name, shape) -> None:
    values = np.random.default_rng(0).integers(0, 2, shape).astype(name)
    same(roundtrip(tmp_path / "a", {"x": bnp.asarray(values)}), {"x": bnp.asarray(values)})
    same(roundtrip(tmp_path / "b", [values]), [values])


def test_all_that_a_tree_can_hold(tmp_path) -> None:
    item = {
        "keys": {1: bnp.ones(2), 20: 2},
        "nested": [(), {}, None, (1, [2.5, {"é/..\n": bnp.zeros((2, 2))}])],
        "scalars": [True, -(10**40), 0.1, float("inf"), float("nan"), 1 - 2j, "text\ud800"],
        "key": bibun.random.key(7) if hasattr(bibun.random, "key") else 0,
        "views": [np.arange(12).reshape(3, 4).T, np.arange(10)[::-2]],
        "weak": bnp.asarray(1.0),
    }
    same(roundtrip(tmp_path / "a", item), item)
    same(roundtrip(tmp_path / "b", bnp.arange(3)), bnp.arange(3))
    same(roundtrip(tmp_path / "c", {(1, "a"): 3}), {(1, "a"): 3})


TREES = st.recursive(
    st.one_of(
        st.integers(), st.floats(), st.booleans(), st.text(), st.none(), st.complex_numbers(),
        hnp.arrays(
            hnp.floating_dtypes(sizes=(32, 64), endianness="="), hnp.array_shapes(min_side=0)
        ),
    ),
    lambda t: st.one_of(
        st.lists(t, max_size=4), st.dictionaries(st.text(), t, max_size=4),
        st.tuples(t, t), st.dictionaries(st.integers(), t, max_size=3),
    ),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=60, deadline=None, derandomize=True)
@given(TREES)
def test_any_tree(tmp_path_factory, item) -> None:
    path = tmp_path_factory.mktemp("any") / "x"
    same(roundtrip(path, item), item)
    same(store.StandardCheckpointer().restore(path, item), item)


def test_classes_come_back_through_a_target(tmp_path) -> None:
    item = {"p": Point(bnp.ones(2), 3), "l": Layer(bnp.zeros((2, 2)), np.ones(1))}
    plain = roundtrip(tmp_path / "a", item)
    assert plain["p"]["y"] == 3
    abstract = bibun.eval_shape(
        lambda: {"p": Point(bnp.ones(2), 3), "l": Layer(bnp.zeros((2, 2)), bnp.ones(1))}
    )
    found = store.StandardCheckpointer().restore(tmp_path / "a", abstract)
    assert isinstance(found["p"], Point)
    assert isinstance(found["l"], Layer)
    np.testing.assert_array_equal(found["l"].w, np.zeros((2, 2)))


@pytest.mark.parametrize(
    "target, message",
    [
        ({"a": [bibun.ShapeDtypeStruct((2, 4), float)], "n": 1}, r"\['a'\]\[0\] is float64\[2, 3"),
        ({"a": [bibun.ShapeDtypeStruct((2, 3), "float32")], "n": 1}, r"wants float32\[2, 3\]"),
        ({"a": [np.zeros((2, 3))], "n": 1.5}, r"leaf \['n'\] is the int '1' there.*Python float"),
        ({"a": [np.zeros((2, 3))]}, "at the top: the target lacks 'n'"),
        ({"a": [np.zeros((2, 3))], "n": 1, "m": 2}, "the checkpoint lacks 'm'"),
        ({"a": (np.zeros((2, 3)),), "n": 1}, r"at \['a'\]: it has a list, the target a tuple"),
        ({"a": [np.zeros((2, 3)), 1], "n": 1}, r"at \['a'\]: it has 1 elements, the target 2"),
        ({"a": [[np.zeros((2, 3))]], "n": 1}, r"at \['a'\]\[0\]: it has a leaf, the target a list"),
    ],
)  # fmt: skip
def test_a_mismatch_names_the_place(tmp_path, target, message) -> None:
    with pytest.raises(store.CheckpointMismatchError, match=message):
        roundtrip(tmp_path / "a", {"a": [np.ones((2, 3))], "n": 1}, target)


def test_part_of_a_tree(tmp_path) -> None:
    found = roundtrip(tmp_path / "a", {"a": bnp.ones(2), "b": 2}, {"a": ..., "b": 0})
    assert found == {"a": ..., "b": 2}


def test_metadata_reads_no_array(tmp_path) -> None:
    c = store.PyTreeCheckpointer()
    c.save(tmp_path / "a", {"w": bnp.ones((2, 3)), "n": 1})
    (tmp_path / "a" / "arrays.safetensors").unlink()
    assert c.metadata(tmp_path / "a") == {"w": bibun.ShapeDtypeStruct((2, 3), float), "n": 1}


def test_what_cannot_be_saved(tmp_path) -> None:
    c = store.PyTreeCheckpointer()
    with pytest.raises(TypeError, match=r"leaf \['f'\]\[0\] is a function"):
        c.save(tmp_path / "a", {"f": [lambda: 0]})
    with pytest.raises(TypeError, match="dtype object"):
        c.save(tmp_path / "a", np.array([None]))
    with pytest.raises(TypeError, match="key b'x' of the dict at the top"):
        c.save(tmp_path / "a", {b"x": 1})
    with pytest.raises(bibun.errors.TracerError, match="outside jit"):
        bibun.jit(lambda x: c.save(tmp_path / "a", x))(1.0)
    with pytest.raises(ValueError, match="cannot hold a checkpoint"):
        c.save("", 1)
    assert list(tmp_path.iterdir()) == []


def test_existing_and_force(tmp_path) -> None:
    path = tmp_path / "deep" / "a"
    c = store.PyTreeCheckpointer()
    c.save(path, 1)
    with pytest.raises(FileExistsError, match="force=True"):
        c.save(path, 2)
    assert c.restore(path) == 1
    c.save(path, 2, force=True)
    assert c.restore(path) == 2
    (tmp_path / "file").write_text("mine")
    with pytest.raises(NotADirectoryError, match="not replaced"):
        c.save(tmp_path / "file", 1, force=True)
    assert (tmp_path / "file").read_text() == "mine"
    assert sorted(p.name for p in tmp_path.rglob("*") if p.name.startswith(".")) == []


def test_loading_is_a_memory_map(tmp_path) -> None:
    c = store.PyTreeCheckpointer(verify=False)
    c.save(tmp_path / "a", {"x": bnp.arange(1000.0), "k": np.ones(3, np.int8)})
    found = c.restore(tmp_path / "a")
    base = np.asarray(found["x"])
    while (
        isinstance(base, np.ndarray) and base.base is not None and not isinstance(base, np.memmap)
    ):
        base = base.base
    assert isinstance(base, np.memmap)
    assert np.asarray(found["x"]).ctypes.data % 64 == 0
    assert not found["k"].flags.writeable
    c.save(tmp_path / "a", {"x": 0, "k": 0}, force=True)  # the old map stays what it was
    np.testing.assert_array_equal(found["x"], np.arange(1000.0))
    assert float(bibun.jit(bnp.sum)(found["x"])) == 499500.0


def test_an_outside_reader_and_writer(tmp_path) -> None:
    """The `safetensors` package reads our arrays, and ours reads its."""
    st_numpy = pytest.importorskip("safetensors.numpy")
    values = {"w": np.arange(6.0).reshape(2, 3), "layer": {"b": np.ones(3, np.int16)}}
    store.PyTreeCheckpointer().save(tmp_path / "a", values)
    theirs = st_numpy.load_file(tmp_path / "a" / "arrays.safetensors")
    np.testing.assert_array_equal(theirs["w"], values["w"])
    np.testing.assert_array_equal(theirs["layer.b"], values["layer"]["b"])
    st_numpy.save_file({"x": np.arange(3.0), "y": np.ones((2, 2), bool)}, tmp_path / "t")
    with open(tmp_path / "t", "rb") as f:
        found = tensors.Tensors(f.fileno(), "t")
    np.testing.assert_array_equal(found.read("x", "float64", (3,), None), np.arange(3.0))
    np.testing.assert_array_equal(found.read("y", "bool", (2, 2), None), np.ones((2, 2), bool))


# Composites ---------------------------------------------------------------------------------------


def composite(path: Path) -> store.Checkpointer:
    c = store.Checkpointer(store.CompositeCheckpointHandler("state", "metadata", "mean"))
    c.save(
        path,
        args=store.args.Composite(
            state=store.args.StandardSave({"w": bnp.ones(3)}),
            metadata=store.args.JsonSave({"b": [1, 2.5, None], "a": "x"}),
            mean=store.args.ArraySave(np.arange(3)),
        ),
    )
    return c


def test_composite(tmp_path) -> None:
    c = composite(tmp_path / "a")
    found = c.restore(
        tmp_path / "a",
        args=store.args.Composite(
            state=store.args.StandardRestore({"w": bibun.ShapeDtypeStruct((3,), float)}),
            metadata=store.args.JsonRestore(),
            mean=store.args.ArrayRestore(),
        ),
    )
    assert isinstance(found.state["w"], bibun.Array)
    assert list(found.metadata) == ["b", "a"]
    np.testing.assert_array_equal(found.mean, np.arange(3))
    assert set(c.restore(tmp_path / "a")) == {"state", "metadata", "mean"}
    assert c.metadata(tmp_path / "a").state == {"w": bibun.ShapeDtypeStruct((3,), float)}


def test_metadata_alone(tmp_path) -> None:
    c = composite(tmp_path / "a")
    (tmp_path / "a" / "state" / "arrays.safetensors").write_bytes(b"")  # not even looked at
    found = c.restore(tmp_path / "a", args=store.args.Composite(metadata=store.args.JsonRestore()))
    assert found.metadata["a"] == "x"
    assert list(found) == ["metadata"]


def test_composite_errors(tmp_path) -> None:
    c = composite(tmp_path / "a")
    A = store.args
    with pytest.raises(store.CheckpointError, match="has no item 'x'; it has 'state'"):
        store.Checkpointer(store.CompositeCheckpointHandler()).restore(
            tmp_path / "a", args=A.Composite(x=A.JsonRestore())
        )
    with pytest.raises(ValueError, match="no item 'other'"):
        c.save(tmp_path / "b", args=A.Composite(other=A.JsonSave(1)))
    with pytest.raises(TypeError, match="state.*takes args.StandardRestore, got JsonRestore"):
        c.restore(tmp_path / "a", args=A.Composite(state=A.JsonRestore()))
    with pytest.raises(store.CheckpointError, match="holds the items 'state'"):
        store.StandardCheckpointer().restore(tmp_path / "a")
    with pytest.raises(TypeError, match="wrap it"):
        c.save(tmp_path / "b", args=A.Composite(state={"w": 1}))
    with pytest.raises(TypeError, match=r"key 1 at \['a'\] is not a string"):
        c.save(tmp_path / "b", args=A.Composite(metadata=A.JsonSave({"a": {1: 2}})))
    with pytest.raises(TypeError, match="JSON cannot say"):
        c.save(tmp_path / "b", args=A.Composite(metadata=A.JsonSave([np.ones(1)])))
    for name in ("../x", "a/b", "", ".hidden", "a\0b"):
        with pytest.raises(ValueError, match="outside the checkpoint"):
            store.Checkpointer(store.CompositeCheckpointHandler()).save(
                tmp_path / "b", args=A.Composite({name: A.JsonSave(1)})
            )


# Asynchronous -------------------------------------------------------------------------------------


def test_async_copies_no_array_and_is_not_disturbed(tmp_path, monkeypatch) -> None:
    gate, seen = threading.Event(), {}
    write = tensors.write

    def slow(file, arrays):
        gate.wait(10)
        seen.update(arrays)
        return write(file, arrays)

    monkeypatch.setattr(tensors, "write", slow)
    mine, ours = np.arange(3), bnp.arange(3)
    c = store.StandardCheckpointer()
    c.save(tmp_path / "a", {"mine": mine, "ours": ours})
    assert not (tmp_path / "a").exists()
    mine[:] = -1  # after save has returned
    gate.set()
    c.wait_until_finished()
    assert seen["ours"] is ours._value
    np.testing.assert_array_equal(c.restore(tmp_path / "a")["mine"], [0, 1, 2])


def test_async_errors_come_out(tmp_path, monkeypatch) -> None:
    def full(file, arrays):
        raise OSError(28, "No space left on device")

    c = store.StandardCheckpointer()
    c.save(tmp_path / "a", bnp.ones(2))
    c.wait_until_finished()
    monkeypatch.setattr(tensors, "write", full)
    c.save(tmp_path / "a", bnp.zeros(2), force=True)
    with pytest.raises(OSError, match="No space left on device; what was at its place before"):
        c.wait_until_finished()
    c.wait_until_finished()  # told once
    np.testing.assert_array_equal(c.restore(tmp_path / "a"), np.ones(2))
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


# The manager --------------------------------------------------------------------------------------


def steps(manager: store.CheckpointManager, losses) -> None:
    for step, loss in enumerate(losses):
        args = store.args.StandardSave({"step": step})
        manager.save(step, args=args, metrics=None if loss is None else {"loss": loss})
    manager.wait_until_finished()


def test_manager_keeps_the_last(tmp_path) -> None:
    options = store.CheckpointManagerOptions(max_to_keep=2, keep_period=3)
    with store.CheckpointManager(tmp_path / "run", options) as m:
        assert m.latest_step() is None
        with pytest.raises(FileNotFoundError, match="no checkpoint yet"):
            m.restore()
        steps(m, [None] * 7)
        assert m.all_steps() == [0, 3, 5, 6]
        assert m.restore() == {"step": 6}
        assert m.restore(3, args=store.args.StandardRestore({"step": 0})) == {"step": 3}
    with store.CheckpointManager(tmp_path / "run") as again:  # another process
        assert again.restore(again.latest_step()) == {"step": 6}
        assert not again.save(6, args=store.args.StandardSave(1))
        with pytest.raises(FileExistsError):
            again.save(6, args=store.args.StandardSave(1), force=True)
        again.delete(5)
        assert again.all_steps() == [0, 3, 6]
        with pytest.raises(FileNotFoundError):
            again.restore(5)


@pytest.mark.parametrize("mode, kept, best", [("min", [1, 2, 4], 2), ("max", [0, 3, 4], 3)])
def test_manager_keeps_the_best(tmp_path, mode, kept, best) -> None:
    options = store.CheckpointManagerOptions(
        max_to_keep=2, best_fn=lambda m: m["loss"], best_mode=mode
    )
    with store.CheckpointManager(tmp_path, options) as m:
        steps(m, [3.0, 2.0, 1.0, 4.0, None])  # without metrics: kept
        assert m.all_steps() == kept
        assert m.best_step() == best
        assert m.metrics(best) == {"loss": 1.0 if mode == "min" else 4.0}
        assert m.metrics(4) is None
        assert m.item_metadata(best) == {"step": best}


def test_manager_interval_composite_and_options(tmp_path) -> None:
    A = store.args
    options = store.CheckpointManagerOptions(save_interval_steps=10, step_prefix="run")
    with store.CheckpointManager(tmp_path, options, item_names=("state", "info")) as m:
        both = A.Composite(state=A.StandardSave([1]), info=A.JsonSave("x"))
        assert [m.save(s, args=both) for s in (0, 5, 10)] == [True, False, True]
        m.wait_until_finished()
        assert m.restore().info == "x"
        assert (tmp_path / "run_10").is_dir()
        assert m.all_steps() == [0, 10]
    for bad in ({"best_mode": "good"}, {"max_to_keep": 0}):
        with pytest.raises(ValueError):
            store.CheckpointManagerOptions(**bad)
    reader = store.CheckpointManager(tmp_path, store.CheckpointManagerOptions(read_only=True))
    assert not reader.save(99, args=both)


def test_the_documented_bytes(tmp_path) -> None:
    """docs/design/store.md, read without bibun."""
    import hashlib
    import struct
    import zlib

    store.PyTreeCheckpointer().save(tmp_path / "a", {"w": bnp.arange(2.0), "n": 3})
    manifest = json.loads((tmp_path / "a" / "bibun.json").read_bytes())
    assert (manifest["format"], manifest["version"]) == ("bibun.store", 1)
    body = json.dumps(manifest["body"], separators=(",", ":"), ensure_ascii=False).encode()
    assert manifest["sha256"] == hashlib.sha256(body).hexdigest()
    assert manifest["body"]["items"] == {"": "standard"}
    text = (tmp_path / "a" / "tree.json").read_bytes()
    assert manifest["body"]["files"]["tree.json"] == {
        "bytes": len(text), "sha256": hashlib.sha256(text).hexdigest()
    }  # fmt: skip
    raw = (tmp_path / "a" / "arrays.safetensors").read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    assert (8 + length) % 64 == 0
    assert json.loads(raw[8 : 8 + length])["w"] == {
        "dtype": "F64", "shape": [2], "data_offsets": [0, 16]
    }  # fmt: skip
    assert raw[8 + length :] == struct.pack("<dd", 0.0, 1.0)
    assert json.loads(text) == {
        "tree": {"node": "dict", "keys": ["n", "w"], "children": [{"leaf": 0}, {"leaf": 1}]},
        "leaves": [
            {"path": "['n']", "kind": "int", "value": "3"},
            {"path": "['w']", "kind": "array", "dtype": "float64", "shape": [2], "tensor": "w",
             "crc32": zlib.crc32(struct.pack("<dd", 0.0, 1.0))},
        ],
    }  # fmt: skip


@pytest.mark.parametrize(
    "make",
    [
        lambda: store.args.StandardSave({"w": 1}, save_args={"w": "float32"}),
        lambda: store.args.StandardRestore(None, strict=False),
        lambda: store.args.PyTreeRestore(None, strict=False),
        lambda: store.StandardCheckpointer().restore("nowhere", {"w": 1}, strict=False),
        lambda: store.StandardCheckpointer().restore("nowhere", strict=False),
    ],
)
def test_options_that_are_not_supported_are_refused(make) -> None:
    with pytest.raises(ValueError, match="not supported"):
        make()
