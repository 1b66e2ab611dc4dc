"""Made by tests/typing/make_stubs.py; `make stubs` makes it anew."""

from typing import Any

from bibun.numpy import fft as fft
from bibun.numpy import linalg as linalg
from bibun.array import Array as Array

def __getattr__(name: str) -> Any: ...

def abs(x: Any, /) -> Any:
    """Absolute value; real for complex x."""
def absolute(x: Any, /) -> Any:
    """Absolute value; real for complex x."""
def acos(x: Any, /) -> Any:
    """Inverse cosine, in radians."""
def acosh(x: Any, /) -> Any:
    """Inverse hyperbolic cosine."""
def add(x1: Any, x2: Any, /) -> Any:
    """Sum."""
def all(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, *, where: Any = None) -> Any:
    """Whether every element is true (not 0)."""
def allclose(a: Any, b: Any, rtol: Any = 1e-05, atol: Any = 1e-08, equal_nan: Any = False) -> Any:
    """Whether all elements are close, as `isclose` has it."""
def amax(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, initial: Any = None, where: Any = None) -> Any:
    """The largest element; nan if there is one. Ties share the gradient."""
def amin(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, initial: Any = None, where: Any = None) -> Any:
    """The smallest element; nan if there is one. Ties share the gradient."""
def angle(z: Any, deg: Any = False) -> Any:
    """The argument of a complex number, in radians (or degrees)."""
def any(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, *, where: Any = None) -> Any:
    """Whether some element is true (not 0)."""
def append(arr: Any, values: Any, axis: Any = None) -> Any:
    """`values` joined to the end of `arr` (both raveled unless an axis is given)."""
def apply_along_axis(func1d: Any, axis: Any, arr: Any, *args: Any, **kwargs: Any) -> Any:
    """A function of vectors applied to each line along an axis, all lines at once."""
def apply_over_axes(func: Any, a: Any, axes: Any) -> Any:
    """`func(a, axis)` for one axis after the other, keeping the number of axes."""
def arange(start: Any, stop: Any = None, step: Any = None, dtype: Any = None, *, device: Any = None) -> Any:
    """start, start + step, … below stop. The bounds are static: they decide the shape."""
def arccos(x: Any, /) -> Any:
    """Inverse cosine, in radians."""
def arccosh(x: Any, /) -> Any:
    """Inverse hyperbolic cosine."""
def arcsin(x: Any, /) -> Any:
    """Inverse sine, in radians."""
def arcsinh(x: Any, /) -> Any:
    """Inverse hyperbolic sine."""
def arctan(x: Any, /) -> Any:
    """Inverse tangent, in radians."""
def arctan2(x1: Any, x2: Any, /) -> Any:
    """Angle of the point (x2, x1)."""
def arctanh(x: Any, /) -> Any:
    """Inverse hyperbolic tangent."""
def argmax(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False) -> Any:
    """The index of the (first) largest element; of the first nan if there is one."""
def argmin(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False) -> Any:
    """The index of the (first) smallest element; of the first nan if there is one."""
def argpartition(a: Any, kth: Any, axis: Any = -1) -> Any:
    """`argsort`, which partitions at every kth."""
def argsort(a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = True, descending: Any = False, dtype: Any = None) -> Any:
    """The indices that sort, int64 or of `dtype`; equal elements keep their order."""
def argwhere(a: Any, *, size: Any = None, fill_value: Any = None) -> Any:
    """The indices of the elements that are not 0, one row for each."""
def around(a: Any, decimals: Any = 0, out: Any = None) -> Any:
    """To `decimals` places, halves to even."""
def array(object: Any, dtype: Any = None, copy: Any = True, order: Any = 'K', ndmin: Any = 0, *, device: Any = None) -> Any:
    """An array of a copy of the data: numbers, nested lists, NumPy arrays, or tracers."""
def array_equal(a1: Any, a2: Any, equal_nan: Any = False) -> Any:
    """Whether two arrays have one shape and equal elements."""
def array_equiv(a1: Any, a2: Any) -> Any:
    """Whether two arrays broadcast to equal elements."""
def array_repr(arr: Any, max_line_width: Any = None, precision: Any = None, suppress_small: Any = None) -> Any:
    """What `repr` gives, with the printing options given."""
def array_split(ary: Any, indices_or_sections: Any, axis: Any = 0) -> Any:
    """Cut into parts as equal as can be."""
def array_str(a: Any, max_line_width: Any = None, precision: Any = None, suppress_small: Any = None) -> Any:
    """What `str` gives, with the printing options given."""
def asarray(a: Any, dtype: Any = None, order: Any = None, *, device: Any = None, copy: Any = None) -> Any:
    """The data as an array, sharing NumPy's memory where the dtype fits."""
def ascontiguousarray(a: Any, dtype: Any = None) -> Any:
    """`asarray` with row-major memory and at least one axis."""
def asin(x: Any, /) -> Any:
    """Inverse sine, in radians."""
def asinh(x: Any, /) -> Any:
    """Inverse hyperbolic sine."""
def astype(x: Any, dtype: Any, /, *, copy: Any = True, device: Any = None) -> Any:
    """x in another dtype. A complex number made real loses its imaginary part."""
def atan(x: Any, /) -> Any:
    """Inverse tangent, in radians."""
def atan2(x1: Any, x2: Any, /) -> Any:
    """Angle of the point (x2, x1)."""
def atanh(x: Any, /) -> Any:
    """Inverse hyperbolic tangent."""
def atleast_1d(*arys: Any) -> Any:
    """Each argument with at least one axis."""
def atleast_2d(*arys: Any) -> Any:
    """Each argument with at least two axes, new ones in front."""
def atleast_3d(*arys: Any) -> Any:
    """Each argument with at least three axes."""
def average(a: Any, axis: Any = None, weights: Any = None, returned: Any = False, keepdims: Any = False) -> Any:
    """Weighted mean; with `returned`, also the sum of weights."""
def bartlett(M: Any) -> Any:
    """The triangular window."""
def bincount(x: Any, weights: Any = None, minlength: Any = 0, *, length: Any = None) -> Any:
    """How often each of 0, 1, … occurs, or the sum of its weights."""
def bitwise_and(x1: Any, x2: Any, /) -> Any:
    """Bits set in both."""
def bitwise_count(x: Any, /) -> Any:
    """How many bits of |x| are 1, as uint8."""
def bitwise_invert(x: Any, /) -> Any:
    """Every bit inverted."""
def bitwise_left_shift(x1: Any, x2: Any, /) -> Any:
    """x1 times 2**x2."""
def bitwise_not(x: Any, /) -> Any:
    """Every bit inverted."""
def bitwise_or(x1: Any, x2: Any, /) -> Any:
    """Bits set in either."""
def bitwise_right_shift(x1: Any, x2: Any, /) -> Any:
    """x1 divided by 2**x2, rounded down: arithmetic shift for signed, logical for unsigned."""
def bitwise_xor(x1: Any, x2: Any, /) -> Any:
    """Bits set in one only."""
def blackman(M: Any) -> Any:
    """The Blackman window."""
def block(arrays: Any) -> Any:
    """An array assembled from nested lists of blocks."""
bool: Any
bool_: Any
def broadcast_arrays(*args: Any) -> Any:
    """Each array broadcast to the common shape."""
def broadcast_shapes(*shapes: Any) -> Any:
    """The shape that all of these broadcast to."""
def broadcast_to(array: Any, shape: Any) -> Any:
    """The array repeated along new or unit axes, without copying."""
c_: Any
def can_cast(from_: Any, to: Any, casting: Any = 'safe') -> Any:
    """Whether a conversion is allowed under NumPy's casting rule."""
def cbrt(x: Any, /) -> Any:
    """Cube root."""
cdouble: Any
def ceil(x: Any, /) -> Any:
    """Smallest integer not below x."""
character: Any
def choose(a: Any, choices: Any, out: Any = None, mode: Any = None) -> Any:
    """For each element the choice that its index names."""
def clip(arr: Any, /, min: Any = None, max: Any = None, *, a_min: Any = None, a_max: Any = None) -> Any:
    """arr limited to [min, max]; either limit may be None."""
def column_stack(tup: Any) -> Any:
    """1-d arrays joined as columns."""
complex128: Any
complex64: Any
complex_: Any
complexfloating: Any
def compress(condition: Any, a: Any, axis: Any = None, out: Any = None, *, size: Any = None, fill_value: Any = 0) -> Any:
    """The slices where a 1-d condition holds; under jit give `size`."""
def concat(arrays: Any, /, *, axis: Any = 0) -> Any:
    """`concatenate` under the array API's name."""
def concatenate(arrays: Any, axis: Any = 0, dtype: Any = None) -> Any:
    """Arrays joined end to end along an axis that they have; None: raveled first."""
def conj(x: Any, /) -> Any:
    """Complex conjugate."""
def conjugate(x: Any, /) -> Any:
    """Complex conjugate."""
def convolve(a: Any, v: Any, mode: Any = 'full', *, precision: Any = None, preferred_element_type: Any = None) -> Any:
    """Discrete convolution of two sequences."""
def copy(a: Any, order: Any = 'K') -> Any:
    """A copy; needed only where memory is shared with NumPy, since arrays do not change."""
def copysign(x1: Any, x2: Any, /) -> Any:
    """|x1| with the sign of x2."""
def corrcoef(x: Any, y: Any = None, rowvar: Any = True, *, dtype: Any = None) -> Any:
    """Correlation matrix of variables in rows."""
def correlate(a: Any, v: Any, mode: Any = 'valid', *, precision: Any = None, preferred_element_type: Any = None) -> Any:
    """Cross-correlation of two sequences: `a` against the conjugate of shifted `v`."""
def cos(x: Any, /) -> Any:
    """Cosine; x in radians."""
def cosh(x: Any, /) -> Any:
    """Hyperbolic cosine."""
def count_nonzero(a: Any, axis: Any = None, keepdims: Any = False) -> Any:
    """How many elements are not 0."""
def cov(m: Any, y: Any = None, rowvar: Any = True, bias: Any = False, ddof: Any = None, fweights: Any = None, aweights: Any = None, *, dtype: Any = None) -> Any:
    """Covariance matrix of variables in rows (columns if not `rowvar`)."""
def cross(a: Any, b: Any, axisa: Any = -1, axisb: Any = -1, axisc: Any = -1, axis: Any = None) -> Any:
    """Cross product of vectors of 3 (or of 2: the third component)."""
csingle: Any
def cummax(a: Any, axis: Any = None) -> Any:
    """Running maximum."""
def cummin(a: Any, axis: Any = None) -> Any:
    """Running minimum."""
def cumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    """Running product along an axis (of all elements, raveled, if none is given)."""
def cumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    """Running sum along an axis (of all elements, raveled, if none is given)."""
def cumulative_prod(x: Any, /, *, axis: Any = None, dtype: Any = None, include_initial: Any = False) -> Any:
    """Running product, beginning with 1 if asked to."""
def cumulative_sum(x: Any, /, *, axis: Any = None, dtype: Any = None, include_initial: Any = False) -> Any:
    """Running sum, beginning with 0 if asked to."""
def deg2rad(x: Any, /) -> Any:
    """Degrees to radians."""
def degrees(x: Any, /) -> Any:
    """Radians to degrees."""
def delete(arr: Any, obj: Any, axis: Any = None, *, assume_unique_indices: Any = False) -> Any:
    """Without the elements at some indices (a number, a slice, or an array)."""
def diag(v: Any, k: Any = 0) -> Any:
    """The diagonal of a matrix, or a matrix with this diagonal."""
def diag_indices(n: Any, ndim: Any = 2) -> Any:
    """Indices of the main diagonal."""
def diag_indices_from(arr: Any) -> Any:
    """`diag_indices` for the shape of an array."""
def diagflat(v: Any, k: Any = 0) -> Any:
    """A matrix with the raveled input as diagonal."""
def diagonal(a: Any, offset: Any = 0, axis1: Any = 0, axis2: Any = 1) -> Any:
    """The diagonal of the planes of two axes; it becomes the last axis."""
def diff(a: Any, n: Any = 1, axis: Any = -1, prepend: Any = None, append: Any = None) -> Any:
    """Differences of neighbours, n times."""
def digitize(x: Any, bins: Any, right: Any = False, *, method: Any = None) -> Any:
    """The number of the bin of each element; bins ascend or descend. `method` as in `searchsorted`."""
def divide(x1: Any, x2: Any, /) -> Any:
    """Quotient, a float."""
def divmod(x1: Any, x2: Any, /) -> Any:
    """(x1 // x2, x1 % x2), with Python's signs."""
def dot(a: Any, b: Any, out: Any = None, *, precision: Any = None, preferred_element_type: Any = None) -> Any:
    """Contraction of the last axis of a with the last but one of b (the only one of a vector)."""
double: Any
def dsplit(ary: Any, indices_or_sections: Any) -> Any:
    """Cut along the third axis."""
def dstack(tup: Any, dtype: Any = None) -> Any:
    """Arrays joined along the third axis."""
dtype: Any
e: Any
def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    """Differences of neighbours of the raveled array, with values put around."""
def einsum(subscripts: Any, /, *operands: Any, out: Any = None, optimize: Any = 'optimal', precision: Any = None, preferred_element_type: Any = None) -> Any:
    """Sums of products by labelled axes, contracted in a good order."""
def einsum_path(subscripts: Any, /, *operands: Any, optimize: Any = 'greedy') -> Any:
    """The order of contractions that NumPy's optimiser finds, and its report."""
def empty(shape: Any, dtype: Any = ..., *, device: Any = None) -> Any:
    """An array of zeros: nothing is left undefined."""
def empty_like(prototype: Any, dtype: Any = None, shape: Any = None, *, device: Any = None) -> Any:
    """`zeros_like`."""
def equal(x1: Any, x2: Any, /) -> Any:
    """Whether equal."""
euler_gamma: Any
def exp(x: Any, /) -> Any:
    """Exponential."""
def exp2(x: Any, /) -> Any:
    """Power of two, 2**x."""
def expand_dims(a: Any, axis: Any = 0) -> Any:
    """Axes of size 1 put in, at positions of the result."""
def expm1(x: Any, /) -> Any:
    """exp(x) - 1, exact near 0."""
def extract(condition: Any, arr: Any, *, size: Any = None, fill_value: Any = 0) -> Any:
    """The elements where a condition holds, in one axis; under jit give `size`."""
def eye(N: Any, M: Any = None, k: Any = 0, dtype: Any = ..., *, device: Any = None) -> Any:
    """Ones on the k-th diagonal, zeros elsewhere."""
def fabs(x: Any, /) -> Any:
    """Absolute value; real for complex x."""
def fill_diagonal(a: Any, val: Any, wrap: Any = False, *, inplace: Any = False) -> Any:
    """A copy with another diagonal."""
def finfo(dtype: Any) -> Any:
    """Limits of a floating type: eps, max, tiny, …; a complex dtype gives its parts'."""
def fix(x: Any, /) -> Any:
    """The integer part of x, towards 0."""
def flatnonzero(a: Any, *, size: Any = None, fill_value: Any = None) -> Any:
    """The flat indices of the elements that are not 0."""
flexible: Any
def flip(m: Any, axis: Any = None) -> Any:
    """The order of elements reversed along all axes, or those named."""
def fliplr(m: Any) -> Any:
    """Columns in reverse order."""
def flipud(m: Any) -> Any:
    """Rows in reverse order."""
float32: Any
float64: Any
float_: Any
def float_power(x1: Any, x2: Any, /) -> Any:
    """x1 to the power x2, computed in floats."""
floating: Any
def floor(x: Any, /) -> Any:
    """Largest integer not above x."""
def floor_divide(x1: Any, x2: Any, /) -> Any:
    """x1 / x2 rounded down. An integer divided by 0 gives 0."""
def fmax(x1: Any, x2: Any, /) -> Any:
    """The larger; a nan loses against a number."""
def fmin(x1: Any, x2: Any, /) -> Any:
    """The smaller; a nan loses against a number."""
def fmod(x1: Any, x2: Any, /) -> Any:
    """What is left of x1 after whole x2's, with the sign of x1, as C's fmod."""
def frexp(x: Any, /) -> Any:
    """(mantissa, exponent) with x = mantissa 2**exponent and |mantissa| in [0.5, 1)."""
def from_dlpack(x: Any, /, *, device: Any = None, copy: Any = None) -> Any:
    """An array from any object with `__dlpack__`, sharing its memory if it can."""
def frombuffer(buffer: Any, dtype: Any = ..., count: Any = -1, offset: Any = 0) -> Any:
    """Bytes read as numbers."""
def fromfile(file: Any, dtype: Any = ..., count: Any = -1, sep: Any = '', offset: Any = 0) -> Any:
    """Raw numbers from a file, binary or (with `sep`) text."""
def fromfunction(function: Any, shape: Any, *, dtype: Any = ..., **kwargs: Any) -> Any:
    """The function of the index arrays of a shape."""
def fromiter(iter: Any, dtype: Any = ..., count: Any = -1) -> Any:
    """The numbers of an iterator."""
def frompyfunc(func: Any, /, nin: Any, nout: Any, *, identity: Any = None) -> Any:
    """A function of numbers made elementwise, with broadcasting; it is traced, not called"""
def fromstring(string: Any, dtype: Any = ..., count: Any = -1, *, sep: Any) -> Any:
    """Numbers written in a text, separated by `sep`."""
def full(shape: Any, fill_value: Any, dtype: Any = None, *, device: Any = None) -> Any:
    """An array of one value (or of an array broadcast to the shape)."""
def full_like(a: Any, fill_value: Any, dtype: Any = None, shape: Any = None, *, device: Any = None) -> Any:
    """An array of one value, with the shape and dtype of another."""
def gcd(x1: Any, x2: Any, /) -> Any:
    """Greatest common divisor of integers."""
generic: Any
def geomspace(start: Any, stop: Any, num: Any = 50, endpoint: Any = True, dtype: Any = None, axis: Any = 0) -> Any:
    """Values of constant ratio from start to stop (of one sign)."""
def get_printoptions() -> Any:
    """Return the current print options."""
def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: Any = 1) -> Any:
    """Derivative by central differences, one-sided at the ends; one array for each axis."""
def greater(x1: Any, x2: Any, /) -> Any:
    """Whether larger."""
def greater_equal(x1: Any, x2: Any, /) -> Any:
    """Whether not smaller."""
def hamming(M: Any) -> Any:
    """The Hamming window."""
def hanning(M: Any) -> Any:
    """The Hann window."""
def heaviside(x1: Any, x2: Any, /) -> Any:
    """0 for x1 < 0, x2 at 0, 1 for x1 > 0."""
def histogram(a: Any, bins: Any = 10, range: Any = None, weights: Any = None, density: Any = False) -> Any:
    """(counts, edges) of the elements in bins; the last bin includes its right edge."""
def histogram2d(x: Any, y: Any, bins: Any = 10, range: Any = None, weights: Any = None, density: Any = False) -> Any:
    """(counts, edges of x, edges of y)."""
def histogram_bin_edges(a: Any, bins: Any = 10, range: Any = None, weights: Any = None) -> Any:
    """The edges of equal bins over the range of the data."""
def histogramdd(sample: Any, bins: Any = 10, range: Any = None, weights: Any = None, density: Any = False) -> Any:
    """Counts of points, given as rows or as one array for each coordinate, in a grid of bins."""
def hsplit(ary: Any, indices_or_sections: Any) -> Any:
    """Cut along the second axis (the first of a 1-d array)."""
def hstack(tup: Any, dtype: Any = None) -> Any:
    """Arrays joined side by side: along the second axis, or the first of 1-d ones."""
def hypot(x1: Any, x2: Any, /) -> Any:
    """The length of (x1, x2), without overflow or underflow on the way."""
def i0(x: Any) -> Any:
    """Modified Bessel function of the first kind, order 0."""
def identity(n: Any, dtype: Any = ...) -> Any:
    """The identity matrix."""
def iinfo(dtype: Any) -> Any:
    """Limits of an integer type: min, max, bits."""
def imag(val: Any) -> Any:
    """The imaginary part, 0 for real x."""
index_exp: Any
def indices(dimensions: Any, dtype: Any = ..., sparse: Any = False) -> Any:
    """The index along each axis, for every element of a shape."""
inexact: Any
inf: Any
def inner(a: Any, b: Any, *, precision: Any = None, preferred_element_type: Any = None) -> Any:
    """Contraction of the last axes."""
def insert(arr: Any, obj: Any, values: Any, axis: Any = None) -> Any:
    """Values put in before some static indices."""
int16: Any
int32: Any
int64: Any
int8: Any
int_: Any
integer: Any
def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Any:
    """Linear interpolation at x in a table (xp, fp); xp ascends, both are 1-d."""
def intersect1d(ar1: Any, ar2: Any, assume_unique: Any = False, return_indices: Any = False, *, size: Any = None, fill_value: Any = None) -> Any:
    """The elements of both, sorted."""
def invert(x: Any, /) -> Any:
    """Every bit inverted."""
def isclose(a: Any, b: Any, rtol: Any = 1e-05, atol: Any = 1e-08, equal_nan: Any = False) -> Any:
    """Whether |a - b| <= atol + rtol |b|; infinities are close to themselves."""
def iscomplex(x: Any, /) -> Any:
    """Whether the imaginary part is not 0."""
def iscomplexobj(x: Any) -> Any:
    """Whether the dtype is complex."""
def isdtype(dtype: Any, kind: Any) -> Any:
    """Whether a dtype is of a kind: 'bool', 'integral', 'real floating', 'numeric', …"""
def isfinite(x: Any, /) -> Any:
    """Whether x is neither infinite nor nan."""
def isin(element: Any, test_elements: Any, assume_unique: Any = False, invert: Any = False, *, method: Any = 'auto') -> Any:
    """For each element, whether it is among the test elements."""
def isinf(x: Any, /) -> Any:
    """Whether x is plus or minus infinity."""
def isnan(x: Any, /) -> Any:
    """Whether x is nan."""
def isneginf(x: Any, /, out: Any = None) -> Any:
    """Whether x is minus infinity."""
def isposinf(x: Any, /, out: Any = None) -> Any:
    """Whether x is plus infinity."""
def isreal(x: Any, /) -> Any:
    """Whether the imaginary part is 0."""
def isrealobj(x: Any) -> Any:
    """Whether the dtype is not complex."""
def isscalar(element: Any) -> Any:
    """Whether this is a number or a 0-d array."""
def issubdtype(arg1: Any, arg2: Any) -> Any:
    """Whether a dtype is of a kind, such as `bnp.floating`."""
def iterable(y: Any) -> Any:
    """Whether y can be iterated over: not the case for a 0-d array."""
def ix_(*args: Any) -> Any:
    """Index arrays shaped to select a grid."""
def kaiser(M: Any, beta: Any) -> Any:
    """The Kaiser window."""
def kron(a: Any, b: Any) -> Any:
    """Kronecker product: blocks of b scaled by the elements of a."""
def lcm(x1: Any, x2: Any, /) -> Any:
    """Least common multiple of integers."""
def ldexp(x1: Any, x2: Any, /) -> Any:
    """x1 times 2**x2, for an integer x2."""
def left_shift(x1: Any, x2: Any, /) -> Any:
    """x1 times 2**x2."""
def less(x1: Any, x2: Any, /) -> Any:
    """Whether smaller."""
def less_equal(x1: Any, x2: Any, /) -> Any:
    """Whether not larger."""
def lexsort(keys: Any, axis: Any = -1) -> Any:
    """The indices that sort by the last key, ties by the one before it, and so on."""
def linspace(start: Any, stop: Any, num: Any = 50, endpoint: Any = True, retstep: Any = False, dtype: Any = None, axis: Any = 0, *, device: Any = None) -> Any:
    """`num` evenly spaced values from start to stop, differentiable in both."""
def load(file: Any, mmap_mode: Any = None, allow_pickle: Any = False) -> Any:
    """Read a `.npy` file as an array, or a `.npz` file as a dict of arrays."""
def log(x: Any, /) -> Any:
    """Natural logarithm."""
def log10(x: Any, /) -> Any:
    """Logarithm to base 10."""
def log1p(x: Any, /) -> Any:
    """log(1 + x), exact near 0."""
def log2(x: Any, /) -> Any:
    """Logarithm to base 2."""
def logaddexp(x1: Any, x2: Any, /) -> Any:
    """log(exp(x1) + exp(x2)) without overflow; smooth, derivatives of every order included."""
def logaddexp2(x1: Any, x2: Any, /) -> Any:
    """log2(2**x1 + 2**x2) without overflow."""
def logical_and(x1: Any, x2: Any, /) -> Any:
    """Whether both are true."""
def logical_not(x: Any, /) -> Any:
    """Whether x is zero or False."""
def logical_or(x1: Any, x2: Any, /) -> Any:
    """Whether one is true."""
def logical_xor(x1: Any, x2: Any, /) -> Any:
    """Whether exactly one is true."""
def logspace(start: Any, stop: Any, num: Any = 50, endpoint: Any = True, base: Any = 10.0, dtype: Any = None, axis: Any = 0) -> Any:
    """Powers of `base` with evenly spaced exponents."""
def mask_indices(n: Any, mask_func: Any, k: Any = 0, *, size: Any = None) -> Any:
    """Indices that a masking function such as `triu` keeps of an (n, n) array."""
def matmul(a: Any, b: Any, *, precision: Any = None, preferred_element_type: Any = None) -> Any:
    """Matrix product; leading axes are batches and broadcast."""
def matrix_transpose(x: Any, /) -> Any:
    """The last two axes exchanged."""
def matvec(x1: Any, x2: Any, /) -> Any:
    """Matrices times vectors, batches broadcasting."""
def max(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, initial: Any = None, where: Any = None) -> Any:
    """The largest element; nan if there is one. Ties share the gradient."""
def maximum(x1: Any, x2: Any, /) -> Any:
    """The larger; nan wins."""
def mean(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, *, where: Any = None) -> Any:
    """Arithmetic mean; nan of no elements."""
def median(a: Any, axis: Any = None, out: Any = None, overwrite_input: Any = False, keepdims: Any = False) -> Any:
    """The middle element, or the mean of the two in the middle."""
def meshgrid(*xi: Any, copy: Any = True, sparse: Any = False, indexing: Any = 'xy') -> Any:
    """Coordinate arrays of a grid; indexing 'xy' (the second axis first) or 'ij'."""
mgrid: Any
def min(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, initial: Any = None, where: Any = None) -> Any:
    """The smallest element; nan if there is one. Ties share the gradient."""
def minimum(x1: Any, x2: Any, /) -> Any:
    """The smaller; nan wins."""
def mod(x1: Any, x2: Any, /) -> Any:
    """What is left of x1 after whole x2's, with the sign of x2, as Python's %."""
def modf(x: Any, /, out: Any = None) -> Any:
    """(fractional part, integer part), both with the sign of x."""
def moveaxis(a: Any, source: Any, destination: Any) -> Any:
    """Axes moved to other places, the rest staying in order."""
def multiply(x1: Any, x2: Any, /) -> Any:
    """Product."""
nan: Any
def nan_to_num(x: Any, copy: Any = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    """nan replaced by 0 and infinities by the largest finite numbers, or by what is given."""
def nanargmax(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False) -> Any:
    """The index of the largest number; -1 where all are nan."""
def nanargmin(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False) -> Any:
    """The index of the smallest number; -1 where all are nan."""
def nancumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    """Running product, nan counting as 1."""
def nancumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    """Running sum, nan counting as 0."""
def nanmax(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, initial: Any = None, where: Any = None) -> Any:
    """The largest element that is a number; nan if there is none."""
def nanmean(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, *, where: Any = None) -> Any:
    """Mean of the elements that are numbers."""
def nanmedian(a: Any, axis: Any = None, out: Any = None, overwrite_input: Any = False, keepdims: Any = False) -> Any:
    """The median of the elements that are numbers."""
def nanmin(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, initial: Any = None, where: Any = None) -> Any:
    """The smallest element that is a number; nan if there is none."""
def nanpercentile(a: Any, q: Any, axis: Any = None, out: Any = None, overwrite_input: Any = False, method: Any = 'linear', keepdims: Any = False, *, weights: Any = None) -> Any:
    """`percentile` of the elements that are numbers."""
def nanprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, initial: Any = None, where: Any = None) -> Any:
    """Product, nan counting as 1."""
def nanquantile(a: Any, q: Any, axis: Any = None, out: Any = None, overwrite_input: Any = False, method: Any = 'linear', keepdims: Any = False, *, weights: Any = None) -> Any:
    """`quantile` of the elements that are numbers."""
def nanstd(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0, keepdims: Any = False, *, where: Any = None, correction: Any = None, mean: Any = None) -> Any:
    """Standard deviation of the elements that are numbers."""
def nansum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, initial: Any = None, where: Any = None) -> Any:
    """Sum, nan counting as 0."""
def nanvar(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0, keepdims: Any = False, *, where: Any = None, correction: Any = None, mean: Any = None) -> Any:
    """Variance of the elements that are numbers."""
ndarray: Any
def ndim(a: Any) -> Any:
    """The number of axes."""
def negative(x: Any, /) -> Any:
    """Minus x."""
newaxis: Any
def nextafter(x1: Any, x2: Any, /) -> Any:
    """Next float after x1 towards x2."""
def nonzero(a: Any, *, size: Any = None, fill_value: Any = None) -> Any:
    """The indices of the elements that are not 0, one array for each axis."""
def not_equal(x1: Any, x2: Any, /) -> Any:
    """Whether different."""
number: Any
object_: Any
ogrid: Any
def ones(shape: Any, dtype: Any = ..., *, device: Any = None) -> Any:
    """An array of ones; float64 unless told otherwise."""
def ones_like(a: Any, dtype: Any = None, shape: Any = None, *, device: Any = None) -> Any:
    """Ones with the shape and dtype of another array."""
def outer(a: Any, b: Any, out: Any = None) -> Any:
    """All products of an element of a with one of b, both raveled."""
def packbits(a: Any, axis: Any = None, bitorder: Any = 'big') -> Any:
    """Booleans (anything not 0) packed eight to a byte along an axis, zeros at the end."""
def pad(array: Any, pad_width: Any, mode: Any = 'constant', *, constant_values: Any = 0, stat_length: Any = None, end_values: Any = 0, reflect_type: Any = 'even', **kwargs: Any) -> Any:
    """Elements added around: constants, copies of those inside, or what is computed from them."""
def partition(a: Any, kth: Any, axis: Any = -1) -> Any:
    """Sorted wholly, which puts the kth element, the smaller and the larger in place."""
def percentile(a: Any, q: Any, axis: Any = None, out: Any = None, overwrite_input: Any = False, method: Any = 'linear', keepdims: Any = False, *, weights: Any = None) -> Any:
    """`quantile` with q in percent."""
def permute_dims(a: Any, /, axes: Any) -> Any:
    """`transpose` under the array API's name."""
pi: Any
def piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Any:
    """For each element the function (or number) of the last condition that holds."""
def place(arr: Any, mask: Any, vals: Any, *, inplace: Any = False) -> Any:
    """A copy in which the elements under a mask become vals in turn, repeated as needed."""
def poly(seq_of_zeros: Any) -> Any:
    """Coefficients of the polynomial with given roots, or the characteristic polynomial."""
def polyadd(a1: Any, a2: Any) -> Any:
    """Sum of polynomials."""
def polyder(p: Any, m: Any = 1) -> Any:
    """Derivative of a polynomial."""
def polydiv(u: Any, v: Any, *, trim_leading_zeros: Any = False) -> Any:
    """(quotient, remainder) of polynomials."""
def polyfit(x: Any, y: Any, deg: Any, rcond: Any = None, full: Any = False, w: Any = None, cov: Any = False) -> Any:
    """Coefficients, highest power first, of the least-squares polynomial."""
def polyint(p: Any, m: Any = 1, k: Any = 0) -> Any:
    """Integral of a polynomial, m times, with constants k."""
def polymul(a1: Any, a2: Any, *, trim_leading_zeros: Any = False) -> Any:
    """Product of polynomials."""
def polysub(a1: Any, a2: Any) -> Any:
    """Difference of polynomials."""
def polyval(p: Any, x: Any, *, unroll: Any = 16) -> Any:
    """The polynomial with coefficients p, highest power first, at x (Horner's rule)."""
def positive(x: Any, /) -> Any:
    """x itself."""
def pow(x1: Any, x2: Any, /) -> Any:
    """x1 to the power x2."""
def power(x1: Any, x2: Any, /) -> Any:
    """x1 to the power x2."""
def printoptions(*args: Any, **kwargs: Any) -> Any:
    """Context manager for setting print options."""
def prod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, initial: Any = None, where: Any = None, promote_integers: Any = True) -> Any:
    """Product of elements; its gradient is right where elements are 0."""
def promote_types(a: Any, b: Any) -> Any:
    """The common dtype of two dtypes."""
def ptp(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False) -> Any:
    """The largest minus the smallest element."""
def put(a: Any, ind: Any, v: Any, mode: Any = None, *, inplace: Any = False) -> Any:
    """A copy in which elements of the raveled array are replaced; v is repeated as needed."""
def put_along_axis(arr: Any, indices: Any, values: Any, axis: Any, inplace: Any = False, *, mode: Any = None) -> Any:
    """A copy in which each line has values put at its own indices."""
def quantile(a: Any, q: Any, axis: Any = None, out: Any = None, overwrite_input: Any = False, method: Any = 'linear', keepdims: Any = False, *, weights: Any = None) -> Any:
    """The value below which a fraction q of the elements lies; nan if one is nan."""
r_: Any
def rad2deg(x: Any, /) -> Any:
    """Radians to degrees."""
def radians(x: Any, /) -> Any:
    """Degrees to radians."""
def ravel(a: Any, order: Any = 'C') -> Any:
    """All elements in one axis."""
def ravel_multi_index(multi_index: Any, dims: Any, mode: Any = 'raise', order: Any = 'C', *, dtype: Any = None) -> Any:
    """One index for each axis, made a flat index, of `dtype` if given. mode: 'raise', 'wrap' or"""
def real(val: Any) -> Any:
    """The real part."""
def reciprocal(x: Any, /) -> Any:
    """1 / x; integers become floats first."""
def remainder(x1: Any, x2: Any, /) -> Any:
    """What is left of x1 after whole x2's, with the sign of x2, as Python's %."""
def repeat(a: Any, repeats: Any, axis: Any = None, *, total_repeat_length: Any = None) -> Any:
    """Each element repeated: as often as one number says, or one number for each."""
def reshape(a: Any, shape: Any = None, order: Any = 'C', *, newshape: Any = None, copy: Any = None) -> Any:
    """The same elements in another shape; one size may be -1, to be worked out."""
def resize(a: Any, new_shape: Any) -> Any:
    """The elements repeated or cut to fill another shape."""
def result_type(*arrays_and_dtypes: Any) -> Any:
    """The dtype that operands of these dtypes (or arrays, or scalars) are promoted to."""
def right_shift(x1: Any, x2: Any, /) -> Any:
    """x1 divided by 2**x2, rounded down: arithmetic shift for signed, logical for unsigned."""
def rint(x: Any, /) -> Any:
    """Nearest integer, as a float, halves to even."""
def roll(a: Any, shift: Any, axis: Any = None) -> Any:
    """Elements moved along an axis, those pushed off the end coming in at the start."""
def rollaxis(a: Any, axis: Any, start: Any = 0) -> Any:
    """An axis moved to just before position `start`."""
def roots(p: Any, *, strip_zeros: Any = True) -> Any:
    """Complex roots of a polynomial, as eigenvalues of its companion matrix."""
def rot90(m: Any, k: Any = 1, axes: Any = ...) -> Any:
    """Turned by k quarter turns in the plane of two axes, from the first to the second."""
def round(a: Any, decimals: Any = 0, out: Any = None) -> Any:
    """To `decimals` places, halves to even."""
s_: Any
def save(file: Any, arr: Any, allow_pickle: Any = False) -> Any:
    """Write an array to a `.npy` file, which NumPy reads too."""
def savez(file: Any, *args: Any, allow_pickle: Any = True, **kwds: Any) -> Any:
    """Write several arrays, by position or by name, to one `.npz` file."""
def searchsorted(a: Any, v: Any, side: Any = 'left', sorter: Any = None, *, method: Any = 'scan') -> Any:
    """Where values would be put into a sorted 1-d array to keep it sorted."""
def select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    """For each element the choice of the first condition that holds, else the default."""
def set_printoptions(precision: Any = None, threshold: Any = None, edgeitems: Any = None, linewidth: Any = None, suppress: Any = None, nanstr: Any = None, infstr: Any = None, formatter: Any = None, sign: Any = None, floatmode: Any = None, *, legacy: Any = None, override_repr: Any = None) -> Any:
    """Set printing options."""
def setdiff1d(ar1: Any, ar2: Any, assume_unique: Any = False, *, size: Any = None, fill_value: Any = None) -> Any:
    """The elements of the first that are not in the second: sorted and different, or as they are"""
def setxor1d(ar1: Any, ar2: Any, assume_unique: Any = False, *, size: Any = None, fill_value: Any = None) -> Any:
    """The elements of just one of the two, sorted."""
def shape(a: Any) -> Any:
    """The sizes of the axes; static, also under jit."""
def sign(x: Any, /) -> Any:
    """-1, 0 or 1; x/|x| for complex x."""
def signbit(x: Any, /) -> Any:
    """Whether the sign bit is set: true for negative numbers and -0.0."""
signedinteger: Any
def sin(x: Any, /) -> Any:
    """Sine; x in radians."""
def sinc(x: Any, /) -> Any:
    """sin(pi x) / (pi x), 1 at 0; derivatives of every order are right at 0 too."""
single: Any
def sinh(x: Any, /) -> Any:
    """Hyperbolic sine."""
def size(a: Any, axis: Any = None) -> Any:
    """The number of elements, or of those along an axis."""
def sort(a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = True, descending: Any = False) -> Any:
    """Ascending (or descending) along an axis; nan last (or first)."""
def sort_complex(a: Any) -> Any:
    """Sorted by real part, then imaginary part, as complex numbers."""
def spacing(x: Any, /) -> Any:
    """The distance to the next float away from 0, with the sign of x."""
def split(ary: Any, indices_or_sections: Any, axis: Any = 0) -> Any:
    """Cut into equal parts, or before given indices."""
def sqrt(x: Any, /) -> Any:
    """Square root."""
def square(x: Any, /) -> Any:
    """x times x."""
def squeeze(a: Any, axis: Any = None) -> Any:
    """Axes of size 1 taken out: all of them, or those named."""
def stack(arrays: Any, axis: Any = 0, out: Any = None, dtype: Any = None) -> Any:
    """Arrays of one shape joined along a new axis."""
def std(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0, keepdims: Any = False, *, where: Any = None, correction: Any = None, mean: Any = None) -> Any:
    """Standard deviation, the root of `var`."""
def subtract(x1: Any, x2: Any, /) -> Any:
    """Difference."""
def sum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, initial: Any = None, where: Any = None, promote_integers: Any = True) -> Any:
    """Sum of elements, over all axes or those given."""
def swapaxes(a: Any, axis1: Any, axis2: Any) -> Any:
    """Two axes exchanged."""
def take(a: Any, indices: Any, axis: Any = None, out: Any = None, mode: Any = None, unique_indices: Any = False, indices_are_sorted: Any = False, fill_value: Any = None) -> Any:
    """Elements at integer indices along an axis (of the raveled array if none is given)."""
def take_along_axis(arr: Any, indices: Any, axis: Any = -1, mode: Any = None, fill_value: Any = None, *, wrap_negative_indices: Any = True) -> Any:
    """For each line along an axis, its elements at its own indices."""
def tan(x: Any, /) -> Any:
    """Tangent; x in radians."""
def tanh(x: Any, /) -> Any:
    """Hyperbolic tangent."""
def tensordot(a: Any, b: Any, axes: Any = 2, *, precision: Any = None, preferred_element_type: Any = None) -> Any:
    """Contraction over several axes: a number of them, or (axes of a, axes of b)."""
def tile(A: Any, reps: Any) -> Any:
    """The whole array repeated, `reps` times along each axis."""
def trace(a: Any, offset: Any = 0, axis1: Any = 0, axis2: Any = 1, dtype: Any = None, out: Any = None) -> Any:
    """Sum of the diagonal."""
def transpose(a: Any, axes: Any = None) -> Any:
    """The axes in another order; reversed if none is given."""
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: Any = -1) -> Any:
    """Integral by the trapezoidal rule."""
def tri(N: Any, M: Any = None, k: Any = 0, dtype: Any = ...) -> Any:
    """Ones on and below the k-th diagonal."""
def tril(m: Any, k: Any = 0) -> Any:
    """The lower triangle, zeros above the k-th diagonal."""
def tril_indices(n: Any, k: Any = 0, m: Any = None) -> Any:
    """Row and column indices of the lower triangle."""
def tril_indices_from(arr: Any, k: Any = 0) -> Any:
    """`tril_indices` for the shape of a matrix."""
def trim_zeros(filt: Any, trim: Any = 'fb', axis: Any = None) -> Any:
    """A concrete array without the zeros at its edges ('f': in front, 'b': at the back)."""
def triu(m: Any, k: Any = 0) -> Any:
    """The upper triangle, zeros below the k-th diagonal."""
def triu_indices(n: Any, k: Any = 0, m: Any = None) -> Any:
    """Row and column indices of the upper triangle."""
def triu_indices_from(arr: Any, k: Any = 0) -> Any:
    """`triu_indices` for the shape of a matrix."""
def true_divide(x1: Any, x2: Any, /) -> Any:
    """Quotient, a float."""
def trunc(x: Any, /) -> Any:
    """The integer part of x, towards 0."""
uint: Any
uint16: Any
uint32: Any
uint64: Any
uint8: Any
def union1d(ar1: Any, ar2: Any, *, size: Any = None, fill_value: Any = None) -> Any:
    """The elements of either, sorted."""
def unique(ar: Any, return_index: Any = False, return_inverse: Any = False, return_counts: Any = False, axis: Any = None, *, equal_nan: Any = True, size: Any = None, fill_value: Any = None, sorted: Any = True) -> Any:
    """The different elements (or slices along an axis), sorted."""
def unique_all(x: Any, /, *, size: Any = None, fill_value: Any = None) -> Any:
    """Values, first indices, inverse and counts."""
def unique_counts(x: Any, /, *, size: Any = None, fill_value: Any = None) -> Any:
    """The different elements and how often each occurs."""
def unique_inverse(x: Any, /, *, size: Any = None, fill_value: Any = None) -> Any:
    """The different elements, and for each element its index among them."""
def unique_values(x: Any, /, *, size: Any = None, fill_value: Any = None) -> Any:
    """The different elements."""
def unpackbits(a: Any, axis: Any = None, count: Any = None, bitorder: Any = 'big') -> Any:
    """The bits of bytes, eight along an axis for each; `count` of them (negative: left out)."""
def unravel_index(indices: Any, shape: Any, order: Any = 'C') -> Any:
    """Flat indices into an array of this shape, as one index for each axis."""
unsignedinteger: Any
def unstack(x: Any, /, *, axis: Any = 0) -> Any:
    """The slices along an axis, as a tuple."""
def unwrap(p: Any, discont: Any = None, axis: Any = -1, *, period: Any = 6.283185307179586) -> Any:
    """Angles with jumps of more than half a period taken out."""
def vander(x: Any, N: Any = None, increasing: Any = False) -> Any:
    """The Vandermonde matrix: powers of x as columns."""
def var(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0, keepdims: Any = False, *, where: Any = None, correction: Any = None, mean: Any = None) -> Any:
    """Variance: the mean squared distance from the mean, over n - ddof."""
def vdot(a: Any, b: Any, *, precision: Any = None, preferred_element_type: Any = None) -> Any:
    """Sum of conj(a) times b over all elements."""
def vecdot(x1: Any, x2: Any, /, *, axis: Any = -1, precision: Any = None, preferred_element_type: Any = None) -> Any:
    """Sum of conj(x1) times x2 along an axis; the others broadcast."""
def vecmat(x1: Any, x2: Any, /) -> Any:
    """Conjugated row vectors times matrices, batches broadcasting."""
def vectorize(pyfunc: Any, *, excluded: Any = ..., signature: Any = None) -> Any:
    """A function of numbers (or of small arrays, by `signature`) with broadcasting, by vmap."""
def vsplit(ary: Any, indices_or_sections: Any) -> Any:
    """Cut along the first axis."""
def vstack(tup: Any, dtype: Any = None) -> Any:
    """Arrays joined as rows."""
def where(condition: Any, x: Any = None, y: Any = None, /, *, size: Any = None, fill_value: Any = None) -> Any:
    """x where the condition holds, else y; with the condition alone, the indices of its truths."""
def zeros(shape: Any, dtype: Any = ..., *, device: Any = None) -> Any:
    """An array of zeros; float64 unless told otherwise."""
def zeros_like(a: Any, dtype: Any = None, shape: Any = None, *, device: Any = None) -> Any:
    """Zeros with the shape and dtype of another array."""
