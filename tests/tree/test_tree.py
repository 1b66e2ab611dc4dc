"""bibun.tree: what every transformation relies on."""

from __future__ import annotations

import collections
import dataclasses
import doctest
import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bibun import tree
from bibun.tree import core, paths, prefix, register

Pair = collections.namedtuple("Pair", ["left", "right"])

trees = st.recursive(
    st.integers(),
    lambda t: (
        st.lists(t, max_size=3)
        | st.tuples(t, t)
        | st.dictionaries(st.text(max_size=2), t, max_size=3)
        | st.builds(Pair, t, t)
        | st.none()
    ),
    max_leaves=12,
)


@given(trees)
@settings(max_examples=100, deadline=None)
def test_round_trip(t):
    leaves, spec = tree.flatten(t)
    assert tree.unflatten(spec, leaves) == t
    assert leaves == tree.leaves(t)
    assert spec == tree.structure(t) and hash(spec) == hash(tree.structure(t))
    assert spec.num_leaves == len(leaves)
    assert [leaf for _, leaf in tree.leaves_with_path(t)] == leaves
    assert tree.map(lambda x: x, t) == t
    assert tree.broadcast_prefix(7, t) == [7] * len(leaves)
    assert tree.broadcast_prefix(t, t) == leaves


def test_dict_keys_are_sorted_and_structures_compare():
    assert tree.leaves({"b": 1, "a": 2}) == [2, 1]
    assert tree.structure({"b": 1, "a": 2}) == tree.structure({"a": 0, "b": 0})
    assert tree.structure({"a": 1}) != tree.structure({"b": 1})
    assert tree.structure([1]) != tree.structure((1,))


def test_none_is_a_node_without_children():
    assert tree.leaves((None, 1)) == [1]
    assert tree.leaves((None, 1), is_leaf=lambda x: x is None) == [None, 1]
    assert tree.map(lambda x: x + 1, (None, 1)) == (None, 2)


def test_map_of_unlike_trees_fails():
    with pytest.raises(ValueError):
        tree.map(lambda x, y: x, (1, 2), (1, 2, 3))


def test_reduce_all_transpose():
    assert tree.reduce(lambda a, b: a * b, [2, (3, {"x": 4})]) == 24
    assert tree.reduce(lambda a, b: a + b, [], 5) == 5
    with pytest.raises(TypeError, match="initializer"):
        tree.reduce(lambda a, b: a, ())
    assert tree.all([True, {"a": 1}]) and not tree.all([True, 0])
    out = tree.transpose(
        tree.structure({"a": 0, "b": 0}), tree.structure((0, 0)), {"a": (1, 2), "b": (3, 4)}
    )
    assert out == ({"a": 1, "b": 3}, {"a": 2, "b": 4})


def test_paths():
    @tree.register_dataclass
    @dataclasses.dataclass
    class Layer:
        w: int
        b: int

    t = {"x": [1, Pair(2, Layer(3, 4))]}
    names = [tree.keystr(p) for p, _ in tree.leaves_with_path(t)]
    assert names == ["['x'][0]", "['x'][1].left", "['x'][1].right.w", "['x'][1].right.b"]
    out = tree.map_with_path(
        lambda p, a, b: (tree.keystr(p, simple=True, separator="/"), a + b), [1], [2]
    )
    assert out == [("0", 3)]


def test_register_class_and_duplicate():
    @tree.register_pytree_node_class
    class Box:
        def __init__(self, item, tag):
            self.item, self.tag = item, tag

        def tree_flatten(self):
            return (self.item,), self.tag

        @classmethod
        def tree_unflatten(cls, tag, children):
            return cls(*children, tag)

    mapped = tree.map(lambda x: x * 2, Box((1, 2), "t"))
    assert mapped.item == (2, 4) and mapped.tag == "t"
    assert tree.structure(Box(1, "a")) != tree.structure(Box(1, "b"))
    with pytest.raises(ValueError):
        tree.register_pytree_node(Box, lambda b: ((), None), lambda a, c: None)


def test_dataclass_fields():
    @tree.register_dataclass
    @dataclasses.dataclass(frozen=True)
    class Model:
        w: float
        kind: str = dataclasses.field(metadata={"static": True})

    assert tree.leaves(Model(1.0, "a")) == [1.0]
    assert tree.structure(Model(1.0, "a")) != tree.structure(Model(1.0, "b"))
    with pytest.raises(ValueError, match="missing fields \\['kind'\\]"):
        tree.register_dataclass(Model, ["w"], [])


def test_static_and_partial():
    @tree.register_static
    @dataclasses.dataclass(frozen=True)
    class Option:
        n: int

    assert tree.leaves(Option(3)) == []
    assert tree.structure(Option(3)) != tree.structure(Option(4))

    inner = functools.partial(lambda *a, k=0: (a, k), 1)
    p = tree.Partial(inner, 2, k=3)
    assert tree.leaves(p) == [2, 3]
    q = tree.map(lambda x: x * 10, p)
    assert q(4) == ((1, 20, 4), 30)


def test_broadcast_prefix_errors_name_the_place():
    def none(x):
        return x is None

    assert tree.broadcast_prefix((0, None), (np.ones(1), {"a": 1, "b": 2}), none) == [0, None, None]
    with pytest.raises(ValueError, match="length 2 where args has one of length 3"):
        tree.broadcast_prefix((0, 1), (1, 2, 3), none, what="in_axes", of="args")
    with pytest.raises(ValueError, match=r"at args\[0\] in_axes has a list where args has a int"):
        tree.broadcast_prefix(([0],), (1,), none, what="in_axes", of="args")
    with pytest.raises(ValueError, match=r"keys are \['a'\] in prefix, \['b'\] in tree"):
        tree.broadcast_prefix({"a": 0}, {"b": 0})
    with pytest.raises(ValueError, match="None is a node"):
        tree.broadcast_prefix((None,), (1,))


@pytest.mark.parametrize("module", [core, paths, prefix, register])
def test_examples(module):
    result = doctest.testmod(module)
    assert result.attempted and not result.failed


def test_is_leaf_may_ask_for_the_path():
    t = {"a": [1, (2, 3)], "b": ([4], {"c": 5})}
    stop = lambda path, node: tree.keystr(path) in ("['a'][1]", "['b'][0]")
    pairs, spec = tree.flatten_with_path(t, stop, is_leaf_takes_path=True)
    assert [(tree.keystr(p), x) for p, x in pairs] == [
        ("['a'][0]", 1), ("['a'][1]", (2, 3)), ("['b'][0]", [4]), ("['b'][1]['c']", 5),
    ]  # fmt: skip
    assert tree.unflatten(spec, [x for _, x in pairs]) == t
    got = tree.map_with_path(lambda p, x: x, t, is_leaf=stop, is_leaf_takes_path=True)
    assert got == t
    whole = tree.leaves_with_path(t, lambda path, node: path == (), is_leaf_takes_path=True)
    assert whole == [((), t)]


@given(trees)
def test_broadcast_and_folds_in_pairs(t):
    assert tree.broadcast(7, t) == tree.map(lambda _: 7, t)
    assert tree.broadcast(t, t) == t
    want = "".join(map(str, tree.leaves(t)))
    words = tree.map(str, t)
    assert tree.reduce_associative(lambda a, b: a + b, words, identity="") == want


def test_broadcast_says_where_and_static_marks_metadata():
    with pytest.raises(ValueError, match=r"prefix_tree has a tuple of length 2"):
        tree.broadcast((1, (2, 3)), (0, (1, 2, 3)))
    with pytest.raises(TypeError, match="identity"):
        tree.reduce_associative(max, ())

    @tree.register_dataclass
    @dataclasses.dataclass
    class Layer:
        w: float
        kind: str = tree.static(default="dense", metadata={"unit": "m"})

    assert tree.map(lambda w: 2 * w, Layer(1.0, "conv")) == Layer(2.0, "conv")
    assert dataclasses.fields(Layer)[1].metadata == {"unit": "m", "static": True}
