"""Values: scalar and vector arithmetic as LLVM IR, written once for any width.

A `Val` is uniform (one scalar for all lanes) or wide (one element per lane). Operations on
uniform values stay scalar; where a wide one comes in, the others are splatted. An integer
that is `base + stride * lane` keeps this form (*affine*), so that the loads and stores that
use it as an index are seen to be contiguous or uniform.

Nothing here is poison or undefined: integer division and shifts are total, float to
integer saturates, and no fast-math flag is ever set.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bibun.compiler.masked import Masked
from bibun.compiler.text import Function, Module, literal, llvm_type
from bibun.dtypes import KEY, bool_, complex64, float32, float64, int64

_COMPARE_FLOAT = {"eq": "oeq", "ne": "une", "lt": "olt", "le": "ole", "gt": "ogt", "ge": "oge"}
_COMPARE_SIGNED = {"eq": "eq", "ne": "ne", "lt": "slt", "le": "sle", "gt": "sgt", "ge": "sge"}
_COMPARE_UNSIGNED = {"eq": "eq", "ne": "ne", "lt": "ult", "le": "ule", "gt": "ugt", "ge": "uge"}


class Val:
    """An SSA value. `width` 1: uniform. `known`: its Python value if it is a constant."""

    __slots__ = ("name", "dtype", "width", "known", "base", "stride", "re", "im")

    def __init__(
        self,
        name: str | None,
        dtype: np.dtype,
        width: int = 1,
        known: Any = None,
        base: Val | None = None,
        stride: int = 0,
        re: Val | None = None,
        im: Val | None = None,
    ) -> None:
        self.name = name
        self.dtype = dtype
        self.width = width
        self.known = known
        self.base = base
        self.stride = stride
        self.re = re
        self.im = im

    @property
    def affine(self) -> bool:
        return self.base is not None


def fold(op: Callable[[int, int], int], a: Val, b: Val) -> int | None:
    if a.known is None or b.known is None or a.dtype.kind not in "iu":
        return None
    bits = 8 * a.dtype.itemsize
    n = op(int(a.known), int(b.known)) & ((1 << bits) - 1)
    return n - (1 << bits) if a.dtype.kind == "i" and n >> (bits - 1) else n


class ValueBuilder(Masked):
    """The part of the Builder protocol that works on values; emits into `self.fn`."""

    def __init__(self, module: Module, fn: Function, width: int = 1) -> None:
        self.module = module
        self.fn = fn
        self.width = width

    # making and widening ------------------------------------------------------

    def const(self, value: Any, dtype: Any) -> Val:
        if type(value) is int and dtype is int64:  # an index: every other constant
            return Val(literal(value, int64), int64, 1, value)
        dtype = np.dtype(dtype)
        if dtype.kind == "c":
            part = float32 if dtype == complex64 else float64
            value = complex(value)
            return Val(
                None, dtype, re=self.const(value.real, part), im=self.const(value.imag, part)
            )
        known = value.item() if isinstance(value, np.generic) and dtype != KEY else value
        return Val(literal(value, dtype), dtype, 1, known)

    def _new(self, expression: str, dtype: np.dtype, width: int) -> Val:
        name = self.fn.assign(expression)
        if width == 1:
            self.fn.types[name] = llvm_type(dtype)
        return Val(name, dtype, width)

    def wide(self, x: Val, width: int | None = None) -> Val:
        """`x` with one element per lane."""
        width = width or self.width
        if width == 1:
            return x
        if x.dtype.kind == "c":
            return Val(None, x.dtype, width, re=self.wide(x.re, width), im=self.wide(x.im, width))
        if x.width == width:
            if x.name is None:
                base = self.wide(x.base, width)
                lanes = ", ".join(f"i64 {x.stride * k}" for k in range(width))
                t = llvm_type(x.dtype, width)
                x.name = self.fn.assign(f"add {t} {base.name}, <{lanes}>")
            return x
        t = llvm_type(x.dtype)
        if x.known is not None:
            return Val(f"splat ({t} {x.name})", x.dtype, width, x.known)
        first = self.fn.assign(
            f"insertelement <{width} x {t}> poison, {t} {x.name}, i64 0"
        )
        return self._new(
            f"shufflevector <{width} x {t}> {first}, <{width} x {t}> poison, "
            f"<{width} x i32> zeroinitializer",
            x.dtype,
            width,
        )

    def unify(self, *xs: Val) -> tuple[list[Val], int]:
        width = 1
        for x in xs:
            if x.width > width:
                width = x.width
        if width == 1:
            return list(xs), 1
        return [self.wide(x, width) for x in xs], width

    def lanes(self, base: Val, stride: int = 1) -> Val:
        """The affine index `base + stride * lane`."""
        if self.width == 1:
            return base
        return Val(None, int64, self.width, base=base, stride=stride)

    def _binary(self, code: str, x: Val, y: Val, dtype: np.dtype | None = None) -> Val:
        (x, y), w = self.unify(x, y)
        return self._new(
            f"{code} {llvm_type(x.dtype, w)} {x.name}, {y.name}", dtype or x.dtype, w
        )

    def _call(self, name: str, result: np.dtype, *xs: Val) -> Val:
        """Call an LLVM intrinsic overloaded on its first argument's type."""
        ys, w = self.unify(*xs)
        types = [llvm_type(y.dtype, w) for y in ys]
        args = ", ".join(f"{t} {y.name}" for t, y in zip(types, ys, strict=True))
        suffix = types[0].replace("double", "f64").replace("float", "f32")
        if w > 1:
            suffix = f"v{w}" + suffix[suffix.index(" x ") + 3 : -1]
        ret = llvm_type(result, w)
        full = self.module.declare(f"llvm.{name}.{suffix}", f"{ret} ({', '.join(types)})")
        return self._new(f"call {ret} {full}({args})", result, w)

    # arithmetic -----------------------------------------------------------------

    def add(self, x: Val, y: Val) -> Val:
        kind = x.dtype.kind
        if kind == "f":
            return self._binary("fadd", x, y)
        if kind == "c":
            return self.complex(self.add(x.re, y.re), self.add(x.im, y.im))
        if kind == "b":
            return self.bit_or(x, y)
        n = fold(lambda a, b: a + b, x, y)
        if n is not None:
            return self.const(n, x.dtype)
        if x.known == 0 and x.width == 1:
            return y
        if y.known == 0 and y.width == 1:
            return x
        if x.affine and (y.width == 1 or y.affine):
            other = y.base if y.affine else y
            return self._affine(self.add(x.base, other), x.stride + y.stride)
        if y.affine and x.width == 1:
            return self._affine(self.add(y.base, x), y.stride)
        return self._binary("add", x, y)

    def _affine(self, base: Val, stride: int) -> Val:
        return Val(None, int64, self.width, base=base, stride=stride) if stride else base

    def sub(self, x: Val, y: Val) -> Val:
        kind = x.dtype.kind
        if kind == "f":
            return self._binary("fsub", x, y)
        if kind == "c":
            return self.complex(self.sub(x.re, y.re), self.sub(x.im, y.im))
        n = fold(lambda a, b: a - b, x, y)
        if n is not None:
            return self.const(n, x.dtype)
        if y.known == 0 and y.width == 1:
            return x
        if x.affine and (y.width == 1 or y.affine):
            other = y.base if y.affine else y
            return self._affine(self.sub(x.base, other), x.stride - y.stride)
        if y.affine and x.width == 1:
            return self._affine(self.sub(x, y.base), -y.stride)
        return self._binary("sub", x, y)

    def mul(self, x: Val, y: Val) -> Val:
        kind = x.dtype.kind
        if kind == "f":
            return self._binary("fmul", x, y)
        if kind == "c":
            re = self.sub(self.mul(x.re, y.re), self.mul(x.im, y.im))
            im = self.add(self.mul(x.re, y.im), self.mul(x.im, y.re))
            return self.complex(re, im)
        if kind == "b":
            return self.bit_and(x, y)
        n = fold(lambda a, b: a * b, x, y)
        if n is not None:
            return self.const(n, x.dtype)
        for a, b in ((x, y), (y, x)):
            if b.known is not None and b.width == 1:
                if b.known == 1:
                    return a
                if b.known == 0:
                    return b
                if a.affine:
                    return self._affine(self.mul(a.base, b), a.stride * int(b.known))
        return self._binary("mul", x, y)

    def div(self, x: Val, y: Val) -> Val:
        kind = x.dtype.kind
        if kind == "f":
            return self._binary("fdiv", x, y)
        if kind == "c":
            return self._complex_div(x, y)
        if y.known not in (None, 0, -1):
            if x.known is not None and y.known > 0:
                q = abs(int(x.known)) // int(y.known)
                return self.const(q if x.known >= 0 else -q, x.dtype)
            return self._binary("sdiv" if kind == "i" else "udiv", x, y)
        zero = self.compare("eq", y, self.const(0, y.dtype))
        quotient = self._binary(
            "sdiv" if kind == "i" else "udiv", x, self._safe_divisor(x, y, zero)
        )
        return self.select(zero, self.const(-1, x.dtype), quotient)

    def _safe_divisor(self, x: Val, y: Val, zero: Val) -> Val:
        bad = zero
        if x.dtype.kind == "i":
            lowest = self.const(np.iinfo(x.dtype).min, x.dtype)
            overflow = self.bit_and(
                self.compare("eq", x, lowest), self.compare("eq", y, self.const(-1, y.dtype))
            )
            bad = self.bit_or(zero, overflow)
        return self.select(bad, self.const(1, y.dtype), y)

    def rem(self, x: Val, y: Val) -> Val:
        if x.dtype.kind == "f":
            return self._frem(x, y)
        code = "srem" if x.dtype.kind == "i" else "urem"
        if y.known not in (None, 0, -1):
            if x.known is not None and x.known >= 0 and y.known > 0:
                return self.const(int(x.known) % int(y.known), x.dtype)
            return self._binary(code, x, y)
        zero = self.compare("eq", y, self.const(0, y.dtype))
        return self.select(zero, x, self._binary(code, x, self._safe_divisor(x, y, zero)))

    def _frem(self, x: Val, y: Val) -> Val:
        """C's fmod, lane by lane through libm.

        `nobuiltin`: LLVM takes an fmod whose x is known to be finite and y not to be 0 for one
        that never gives nan, so that a y that is nan would be poison.
        """
        symbol = "fmod" if x.dtype == float64 else "fmodf"
        t = llvm_type(x.dtype)
        f = self.module.external(symbol, f"{t} ({t}, {t})")

        def one(a: Val, b: Val) -> Val:
            return self._new(f"call {t} {f}({t} {a.name}, {t} {b.name}) nobuiltin", x.dtype, 1)

        return self.per_lane(one, x, y)

    def per_lane(self, scalar: Callable[..., Val], *xs: Val) -> Val:
        """Apply a scalar emission to each lane."""
        ys, w = self.unify(*xs)
        if w == 1:
            return scalar(*ys)
        return self._assemble([scalar(*(self.lane(y, k) for y in ys)) for k in range(w)])

    def _assemble(self, lanes: Sequence[Val]) -> Val:
        """One value from a scalar for each lane."""
        dtype, w = lanes[0].dtype, len(lanes)
        if w == 1:
            return lanes[0]
        if dtype.kind == "c":
            return self.complex(
                self._assemble([x.re for x in lanes]), self._assemble([x.im for x in lanes])
            )
        t = llvm_type(dtype)
        name = "poison"
        for k, x in enumerate(lanes):
            name = self.fn.assign(f"insertelement <{w} x {t}> {name}, {t} {x.name}, i64 {k}")
        return Val(name, dtype, w)

    def lane(self, x: Val, k: int) -> Val:
        """Element `k` of a wide value."""
        if x.width == 1:
            return x
        if x.dtype.kind == "c":
            return self.complex(self.lane(x.re, k), self.lane(x.im, k))
        x = self.wide(x, x.width)
        return self._new(
            f"extractelement {llvm_type(x.dtype, x.width)} {x.name}, i64 {k}", x.dtype, 1
        )

    def _complex_div(self, x: Val, y: Val) -> Val:
        """Smith's scaling: divide by the larger part first, so nothing overflows early.

        By 0, each part is divided by it, as in NumPy.
        """
        swap = self.compare("lt", self.abs(y.re), self.abs(y.im))
        big = self.select(swap, y.im, y.re)
        small = self.select(swap, y.re, y.im)
        ratio = self.div(small, big)
        scale = self.add(big, self.mul(small, ratio))
        a = self.select(swap, x.im, x.re)
        c = self.select(swap, x.re, x.im)
        zero = self.const(0.0, big.dtype)
        none = self.bit_and(self.compare("eq", y.re, zero), self.compare("eq", y.im, zero))
        scale = self.select(none, self.abs(y.re), scale)
        re = self.div(self.select(none, a, self.add(a, self.mul(c, ratio))), scale)
        im = self.div(self.select(none, c, self.sub(c, self.mul(a, ratio))), scale)
        return self.complex(re, self.select(swap, self.neg(im), im))

    def neg(self, x: Val) -> Val:
        if x.dtype.kind == "f":
            w = x.width
            x = self.wide(x, w)
            return self._new(f"fneg {llvm_type(x.dtype, w)} {x.name}", x.dtype, w)
        if x.dtype.kind == "c":
            return self.complex(self.neg(x.re), self.neg(x.im))
        return self.sub(self.const(0, x.dtype), x)

    def abs(self, x: Val) -> Val:
        if x.dtype.kind == "f":
            return self._call("fabs", x.dtype, x)
        if x.dtype.kind in "ub":
            return x
        return self.select(self.compare("lt", x, self.const(0, x.dtype)), self.neg(x), x)

    def min(self, x: Val, y: Val) -> Val:
        return self._extremum("le", x, y)

    def max(self, x: Val, y: Val) -> Val:
        return self._extremum("ge", x, y)

    def _extremum(self, how: str, x: Val, y: Val) -> Val:
        first = self.compare(how, x, y)
        if x.dtype.kind == "f":
            first = self.bit_or(first, self.compare("ne", x, x))
        return self.select(first, x, y)

    def clip(self, x: Val, lo: Val, hi: Val) -> Val:
        return self.min(self.max(x, lo), hi)

    def fma(self, x: Val, y: Val, z: Val) -> Val:
        return self._call("fma", x.dtype, x, y, z)

    def sqrt(self, x: Val) -> Val:
        return self._call("sqrt", x.dtype, x)

    def floor(self, x: Val) -> Val:
        return self._call("floor", x.dtype, x)

    def ceil(self, x: Val) -> Val:
        return self._call("ceil", x.dtype, x)

    def trunc(self, x: Val) -> Val:
        return self._call("trunc", x.dtype, x)

    def rint(self, x: Val) -> Val:
        return self._call("roundeven", x.dtype, x)

    def copysign(self, x: Val, y: Val) -> Val:
        return self._call("copysign", x.dtype, x, y)

    # comparison and choice ----------------------------------------------------------

    def compare(self, how: str, x: Val, y: Val) -> Val:
        kind = x.dtype.kind
        if kind == "c":
            if how == "eq":
                return self.bit_and(self.compare("eq", x.re, y.re), self.compare("eq", x.im, y.im))
            if how == "ne":
                return self.bit_or(self.compare("ne", x.re, y.re), self.compare("ne", x.im, y.im))
            raise TypeError("complex numbers have no order")
        if kind == "f":
            return self._binary(f"fcmp {_COMPARE_FLOAT[how]}", x, y, bool_)
        if x.known is not None and y.known is not None and x.dtype != KEY:
            a, b = x.known, y.known
            result = {"eq": a == b, "ne": a != b, "lt": a < b, "le": a <= b, "gt": a > b,
                      "ge": a >= b}[how]  # fmt: skip
            return self.const(bool(result), bool_)
        table = _COMPARE_SIGNED if kind == "i" else _COMPARE_UNSIGNED
        return self._binary(f"icmp {table[how]}", x, y, bool_)

    def select(self, cond: Val, x: Val, y: Val) -> Val:
        if cond.known is not None:
            return x if cond.known else y
        if x is y:
            return x
        if x.dtype.kind == "c":
            return self.complex(self.select(cond, x.re, y.re), self.select(cond, x.im, y.im))
        w = max(cond.width, x.width, y.width)
        x, y = self.wide(x, w), self.wide(y, w)
        if cond.width > 1:
            cond = self.wide(cond, w)
        t = llvm_type(x.dtype, w)
        c = llvm_type(bool_, cond.width)
        return self._new(f"select {c} {cond.name}, {t} {x.name}, {t} {y.name}", x.dtype, w)

    def any(self, cond: Val) -> Val:
        """Whether any lane is true: a uniform boolean."""
        if cond.width == 1:
            return cond
        w = cond.width
        bits = self.fn.assign(f"bitcast <{w} x i1> {cond.name} to i{w}")
        return self._new(f"icmp ne i{w} {bits}, 0", bool_, 1)

    # bits ---------------------------------------------------------------------------

    def bit_and(self, x: Val, y: Val) -> Val:
        return self._logic("and", x, y, absorbs=False)

    def bit_or(self, x: Val, y: Val) -> Val:
        return self._logic("or", x, y, absorbs=True)

    def _logic(self, code: str, x: Val, y: Val, absorbs: bool) -> Val:
        if x.dtype.kind == "b":
            for a, b in ((x, y), (y, x)):
                if a.known is not None:
                    return a if bool(a.known) == absorbs else b
        return self._binary(code, x, y)

    def bit_xor(self, x: Val, y: Val) -> Val:
        return self._binary("xor", x, y)

    def bit_not(self, x: Val) -> Val:
        if x.dtype.kind == "b":
            if x.known is not None:
                return self.const(not x.known, bool_)
            return self._binary("xor", x, self.const(True, bool_))
        return self._binary("xor", x, self.const(-1, x.dtype))

    def _shift(self, code: str, x: Val, y: Val) -> Val:
        bits = 8 * x.dtype.itemsize
        if y.known is not None and 0 <= y.known < bits:
            return self._binary(code, x, y)
        small = self._binary("icmp ult", y, self.const(bits, y.dtype), bool_)
        if code == "ashr":
            return self._binary(code, x, self.select(small, y, self.const(bits - 1, y.dtype)))
        safe = self.select(small, y, self.const(0, y.dtype))
        return self.select(small, self._binary(code, x, safe), self.const(0, x.dtype))

    def shift_left(self, x: Val, y: Val) -> Val:
        return self._shift("shl", x, y)

    def shift_right_logical(self, x: Val, y: Val) -> Val:
        return self._shift("lshr", x, y)

    def shift_right_arithmetic(self, x: Val, y: Val) -> Val:
        return self._shift("ashr", x, y)

    def rotate_left(self, x: Val, count: int) -> Val:
        if x.known is not None:
            return self.bit_or(
                self.shift_left(x, self.const(count, x.dtype)),
                self.shift_right_logical(x, self.const(8 * x.dtype.itemsize - count, x.dtype)),
            )
        t, bits = llvm_type(x.dtype, x.width), 8 * x.dtype.itemsize
        suffix = f"i{bits}" if x.width == 1 else f"v{x.width}i{bits}"
        f = self.module.declare(f"llvm.fshl.{suffix}", f"{t} ({t}, {t}, {t})")
        by = self.wide(self.const(count, x.dtype), x.width).name
        return self._new(f"call {t} {f}({t} {x.name}, {t} {x.name}, {t} {by})", x.dtype, x.width)

    def intrinsic(self, name: str, x: Val) -> Val:
        """`ctpop`, `ctlz`, `cttz` (total: of 0 the bit count), `bswap`, `bitreverse`."""
        if name in ("ctlz", "cttz"):
            w = x.width
            t = llvm_type(x.dtype, w)
            suffix = t if w == 1 else f"v{w}i{8 * x.dtype.itemsize}"
            f = self.module.declare(f"llvm.{name}.{suffix}", f"{t} ({t}, i1)")
            x = self.wide(x, w)
            return self._new(f"call {t} {f}({t} {x.name}, i1 false)", x.dtype, w)
        return self._call(name, x.dtype, x)

    # conversion ------------------------------------------------------------------------

    def convert(self, x: Val, dtype: np.dtype) -> Val:
        dtype = np.dtype(dtype)
        if x.dtype == dtype:
            return x
        if dtype.kind == "c":
            part = float32 if dtype == complex64 else float64
            if x.dtype.kind == "c":
                return self._complex_as(dtype, self.convert(x.re, part), self.convert(x.im, part))
            return self._complex_as(dtype, self.convert(x, part), self.const(0.0, part))
        if x.dtype.kind == "c":
            if dtype.kind == "b":
                return self.compare("ne", x, self.const(0, x.dtype))
            return self.convert(x.re, dtype)
        if x.known is not None and x.dtype != KEY and dtype != KEY:
            with np.errstate(all="ignore"):
                if x.dtype.kind in "biu" or dtype.kind in "fb":
                    return self.const(np.asarray(x.known).astype(dtype)[()], dtype)
        if x.dtype == KEY or dtype == KEY:
            return Val(self.wide(x, x.width).name, dtype, x.width)
        if dtype.kind == "b":
            return self.compare("ne", x, self.const(0, x.dtype))
        source, target = x.dtype.kind, dtype.kind
        w = x.width
        x = self.wide(x, w)
        a, b = llvm_type(x.dtype, w), llvm_type(dtype, w)
        if source == "b":
            code = "uitofp" if target == "f" else "zext"
        elif source in "iu" and target in "iu":
            n, m = x.dtype.itemsize, dtype.itemsize
            if n == m:
                return Val(x.name, dtype, w)
            code = "trunc" if n > m else ("sext" if source == "i" else "zext")
        elif source in "iu":
            code = "sitofp" if source == "i" else "uitofp"
        elif target == "f":
            code = "fpext" if dtype.itemsize > x.dtype.itemsize else "fptrunc"
        else:
            return self._saturate(x, dtype)
        return self._new(f"{code} {a} {x.name} to {b}", dtype, w)

    def _complex_as(self, dtype: np.dtype, re: Val, im: Val) -> Val:
        (re, im), w = self.unify(re, im)
        return Val(None, dtype, w, re=re, im=im)

    def _saturate(self, x: Val, dtype: np.dtype) -> Val:
        """Float to integer: nan gives 0, what does not fit the nearest that does."""
        w = x.width
        a, b = llvm_type(x.dtype, w), llvm_type(dtype, w)
        name = "fptosi.sat" if dtype.kind == "i" else "fptoui.sat"
        fs = "f64" if x.dtype == float64 else "f32"
        bs = f"i{8 * dtype.itemsize}"
        suffix = f"{bs}.{fs}" if w == 1 else f"v{w}{bs}.v{w}{fs}"
        f = self.module.declare(f"llvm.{name}.{suffix}", f"{b} ({a})")
        return self._new(f"call {b} {f}({a} {x.name})", dtype, w)

    def bitcast(self, x: Val, dtype: np.dtype) -> Val:
        dtype = np.dtype(dtype)
        if llvm_type(x.dtype) == llvm_type(dtype):
            y = self.wide(x, x.width)
            return Val(y.name, dtype, x.width)
        w = x.width
        x = self.wide(x, w)
        return self._new(
            f"bitcast {llvm_type(x.dtype, w)} {x.name} to {llvm_type(dtype, w)}", dtype, w
        )

    # complex numbers -----------------------------------------------------------------------

    def complex(self, re: Val, im: Val) -> Val:
        (re, im), w = self.unify(re, im)
        dtype = np.dtype(np.complex64 if re.dtype == float32 else np.complex128)
        return Val(None, dtype, w, re=re, im=im)

    def real(self, x: Val) -> Val:
        return x.re if x.dtype.kind == "c" else x

    def imag(self, x: Val) -> Val:
        return x.im if x.dtype.kind == "c" else self.const(0, x.dtype)
