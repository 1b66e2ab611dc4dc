"""Dtypes as callables, constants, and questions about dtypes."""

from __future__ import annotations

from typing import Any

import numpy as np

from bibun import dtypes
from bibun.array import Array, Value
from bibun.dtypes import canonical, promote
from bibun.numpy._common import type_of

__all__ = [
    "bool_", "can_cast", "cdouble", "complex128", "complex64", "complex_", "complexfloating",
    "csingle", "double", "dtype", "e", "euler_gamma", "finfo", "float32", "float64", "float_",
    "flexible", "floating", "generic", "get_printoptions", "iinfo", "inexact", "inf", "int16",
    "int32", "int64", "int8", "int_",
    "integer", "iscomplexobj", "isdtype", "isrealobj", "isscalar", "issubdtype", "nan", "ndarray",
    "newaxis", "number", "pi", "promote_types", "result_type", "set_printoptions",
    "signedinteger", "single", "uint", "uint16", "uint32", "uint64", "uint8", "unsignedinteger",
    "printoptions", "array_repr", "array_str", "character", "object_",
]  # fmt: skip

pi, e, inf, nan, euler_gamma = np.pi, np.e, np.inf, np.nan, np.euler_gamma
newaxis = None
ndarray = Value  # isinstance(x, bnp.ndarray): any bibun array, traced or not
dtype = np.dtype
set_printoptions, get_printoptions, printoptions = (
    np.set_printoptions, np.get_printoptions, np.printoptions,
)  # fmt: skip
character, flexible, object_ = np.character, np.flexible, np.object_  # abstract: for issubdtype
(generic, number, inexact, integer, signedinteger, unsignedinteger, floating, complexfloating) = (
    np.generic, np.number, np.inexact, np.integer, np.signedinteger, np.unsignedinteger,
    np.floating, np.complexfloating,
)  # fmt: skip


class ScalarType:
    """A dtype that can be called: `bnp.float32(x)` makes an array of it.

    It stands wherever a dtype may stand, and equals the NumPy dtype it names.

    >>> import bibun.numpy as bnp
    >>> bnp.float32(2).dtype == bnp.float32
    True
    """

    __slots__ = ("__name__", "dtype")

    def __init__(self, name: str, dt: np.dtype) -> None:
        self.__name__ = name
        self.dtype = dt

    def __call__(self, x: Any = 0) -> Value:
        from bibun.numpy.creation import asarray

        return asarray(x, dtype=self.dtype)

    def __eq__(self, other: Any) -> bool:
        try:
            return bool(np.dtype(other) == self.dtype)
        except TypeError:
            return False

    def __hash__(self) -> int:
        return hash(self.dtype)

    def __repr__(self) -> str:
        return f"bibun.numpy.{self.__name__}"


bool_ = ScalarType("bool_", dtypes.bool_)
int8, int16 = ScalarType("int8", dtypes.int8), ScalarType("int16", dtypes.int16)
int32, int64 = ScalarType("int32", dtypes.int32), ScalarType("int64", dtypes.int64)
uint8, uint16 = ScalarType("uint8", dtypes.uint8), ScalarType("uint16", dtypes.uint16)
uint32, uint64 = ScalarType("uint32", dtypes.uint32), ScalarType("uint64", dtypes.uint64)
float32, float64 = ScalarType("float32", dtypes.float32), ScalarType("float64", dtypes.float64)
complex64 = ScalarType("complex64", dtypes.complex64)
complex128 = ScalarType("complex128", dtypes.complex128)
int_, uint, float_, complex_ = int64, uint64, float64, complex128
single, double, csingle, cdouble = float32, float64, complex64, complex128


def _dtype_of(x: Any) -> np.dtype:
    if isinstance(x, ScalarType):
        return x.dtype
    return canonical(x)


def finfo(dtype: Any) -> np.finfo:
    """Limits of a floating type: eps, max, tiny, …; a complex dtype gives its parts'.

    >>> import bibun.numpy as bnp
    >>> bool(bnp.finfo(bnp.float64).eps < 1e-15)
    True
    """
    if isinstance(dtype, Value | np.ndarray):
        dtype = dtype.dtype
    return np.finfo(_dtype_of(dtype))


def iinfo(dtype: Any) -> np.iinfo:
    """Limits of an integer type: min, max, bits.

    >>> import bibun.numpy as bnp
    >>> bnp.iinfo(bnp.int8).max
    127
    """
    if isinstance(dtype, Value | np.ndarray):
        dtype = dtype.dtype
    return np.iinfo(_dtype_of(dtype))


def _operand(x: Any) -> tuple[np.dtype, bool]:
    if isinstance(x, Value | np.ndarray | np.generic) or type(x) in (bool, int, float, complex):
        t = type_of(x)
        return t.dtype, t.weak
    # The Python types are weak, as Python scalars are; np.dtype("float64") == float, but is none.
    if any(x is t for t in (int, float, complex)):
        return canonical(x), True
    return _dtype_of(x), False


def result_type(*arrays_and_dtypes: Any) -> np.dtype:
    """The dtype that operands of these dtypes (or arrays, or scalars) are promoted to.

    Python scalars are weak: they do not widen an array of their kind.

    >>> import bibun.numpy as bnp
    >>> bnp.result_type(bnp.float32, 1.0)
    dtype('float32')
    """
    if not arrays_and_dtypes:
        raise ValueError("result_type: needs at least one argument")
    return promote([_operand(x) for x in arrays_and_dtypes])[0]


def promote_types(a: Any, b: Any) -> np.dtype:
    """The common dtype of two dtypes.

    >>> import bibun.numpy as bnp
    >>> bnp.promote_types(bnp.int32, bnp.float32)
    dtype('float32')
    """
    return promote([_operand(a), _operand(b)])[0]


def can_cast(from_: Any, to: Any, casting: str = "safe") -> bool:
    """Whether a conversion is allowed under NumPy's casting rule.

    >>> import bibun.numpy as bnp
    >>> bnp.can_cast(bnp.float64, bnp.int32)
    False
    """
    if isinstance(from_, Value):
        from_ = from_.dtype
    return bool(np.can_cast(_dtype_of(from_), _dtype_of(to), casting))  # type: ignore[arg-type]


def issubdtype(arg1: Any, arg2: Any) -> bool:
    """Whether a dtype is of a kind, such as `bnp.floating`.

    >>> import bibun.numpy as bnp
    >>> bnp.issubdtype(bnp.float32, bnp.floating)
    True
    """
    a = arg1.dtype if isinstance(arg1, ScalarType) else arg1
    b = arg2.dtype if isinstance(arg2, ScalarType) else arg2
    return bool(np.issubdtype(a, b))


def isdtype(dtype: Any, kind: Any) -> bool:
    """Whether a dtype is of a kind: "bool", "integral", "real floating", "numeric", …

    >>> import bibun.numpy as bnp
    >>> bnp.isdtype(bnp.int32, "integral")
    True
    """
    kinds = kind if isinstance(kind, tuple) else (kind,)
    kinds = tuple(k.dtype if isinstance(k, ScalarType) else k for k in kinds)
    return bool(np.isdtype(_dtype_of(dtype), kinds))


def iscomplexobj(x: Any) -> bool:
    """Whether the dtype is complex.

    >>> import bibun.numpy as bnp
    >>> bnp.iscomplexobj(1j)
    True
    """
    return type_of(x).dtype.kind == "c"


def isrealobj(x: Any) -> bool:
    """Whether the dtype is not complex.

    >>> import bibun.numpy as bnp
    >>> bnp.isrealobj(1.0)
    True
    """
    return not iscomplexobj(x)


def isscalar(element: Any) -> bool:
    """Whether this is a number or a 0-d array.

    >>> import bibun.numpy as bnp
    >>> bnp.isscalar(bnp.array([1.0]))
    False
    """
    if isinstance(element, Value | np.ndarray):
        return element.ndim == 0
    return bool(np.isscalar(element))


def array_repr(arr: Any, max_line_width: int | None = None, precision: int | None = None,
               suppress_small: bool | None = None) -> str:  # fmt: skip
    """What `repr` gives, with the printing options given.

    >>> import bibun.numpy as bnp
    >>> bnp.array_repr(bnp.array([1.0, 0.25]), precision=1)
    'Array([1. , 0.2], dtype=float64)'
    """
    with _options(max_line_width, precision, suppress_small):
        return repr(arr)


def array_str(a: Any, max_line_width: int | None = None, precision: int | None = None,
              suppress_small: bool | None = None) -> str:  # fmt: skip
    """What `str` gives, with the printing options given.

    >>> import bibun.numpy as bnp
    >>> bnp.array_str(bnp.array([1, 2]))
    '[1 2]'
    """
    with _options(max_line_width, precision, suppress_small):
        return str(a) if not isinstance(a, Array) else str(a._value)


def _options(linewidth: Any, precision: Any, suppress: Any) -> Any:
    given = {"linewidth": linewidth, "precision": precision, "suppress": suppress}
    return np.printoptions(**{k: v for k, v in given.items() if v is not None})
