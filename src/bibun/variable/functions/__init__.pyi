"""Made by tests/typing/make_stubs.py; `make stubs` makes it anew."""

from typing import Any


def __getattr__(name: str) -> Any: ...

def absolute(x: Any, /) -> Any:
    """The absolute value."""
def absolute_error(x0: Any, x1: Any) -> Any:
    """|x0 - x1|, element by element."""
def accuracy(y: Any, t: Any, ignore_label: Any = None) -> Any:
    """The share of rows whose largest element is number t[i]."""
def add(*xs: Any) -> Any:
    """The sum of several arrays."""
def arccos(x: Any, /) -> Any:
    """The arc cosine, in radians."""
def arccosh(x: Any, /) -> Any:
    """The inverse hyperbolic cosine."""
def arcsin(x: Any, /) -> Any:
    """The arc sine, in radians."""
def arcsinh(x: Any, /) -> Any:
    """The inverse hyperbolic sine."""
def arctan(x: Any, /) -> Any:
    """The arc tangent, in radians."""
def arctan2(x1: Any, x2: Any, /) -> Any:
    """The angle of the point (x2, x1), in radians."""
def arctanh(x: Any, /) -> Any:
    """The inverse hyperbolic tangent."""
def argmax(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False) -> Any:
    """Where the largest element along an axis is."""
def argmax_crf1d(cost: Any, xs: Any, *, initial_cost: Any = None, terminal_cost: Any = None) -> Any:
    """The most probable labels of a chain (Viterbi): (their scores, at each time the labels)."""
def argmin(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False) -> Any:
    """Where the smallest element along an axis is."""
def as_strided(x: Any, shape: Any, strides: Any, storage_offset: Any = None) -> Any:
    """The elements of x (in C order) at storage_offset + Σ index · stride, strides in elements."""
def average(x: Any, axis: Any = None, weights: Any = None, keepdims: Any = False) -> Any:
    """The mean along axes, weighted by `weights` if given."""
def average_pooling_1d(x: Any, ksize: Any, stride: Any = None, pad: Any = 0, pad_value: Any = 0) -> Any:
    """The mean of each window; the padding counts as zeros, or with `pad_value=None` not at all."""
def average_pooling_2d(x: Any, ksize: Any, stride: Any = None, pad: Any = 0, pad_value: Any = 0) -> Any:
    """The mean of each window; the padding counts as zeros, or with `pad_value=None` not at all."""
def average_pooling_3d(x: Any, ksize: Any, stride: Any = None, pad: Any = 0, pad_value: Any = 0) -> Any:
    """The mean of each window; the padding counts as zeros, or with `pad_value=None` not at all."""
def average_pooling_nd(x: Any, ksize: Any, stride: Any = None, pad: Any = 0, pad_value: Any = 0) -> Any:
    """The mean of each window; the padding counts as zeros, or with `pad_value=None` not at all."""
def batch_det(a: Any) -> Any:
    """Determinants of a stack of matrices."""
def batch_inv(a: Any) -> Any:
    """Inverses of a stack of matrices."""
def batch_l2_norm_squared(x: Any) -> Any:
    """The squared length of each element of the batch (axis 0)."""
def batch_matmul(a: Any, b: Any, transa: Any = False, transb: Any = False) -> Any:
    """`matmul` of stacks, where a vector in a stack is a column."""
def batch_normalization(x: Any, gamma: Any, beta: Any, eps: Any = 2e-05, running_mean: Any = None, running_var: Any = None, decay: Any = 0.9, axis: Any = None) -> Any:
    """x with mean 0 and variance 1 over the batch in each channel, times gamma plus beta."""
def batch_renormalization(x: Any, gamma: Any, beta: Any, rmax: Any, dmax: Any, eps: Any = 2e-05, running_mean: Any = None, running_var: Any = None, decay: Any = 0.9, update_statistics: Any = False) -> Any:
    """`batch_normalization` drawn towards the running statistics, as far as rmax and dmax allow."""
def bernoulli_nll(x: Any, y: Any, reduce: Any = 'sum') -> Any:
    """Minus the log probability of x (between 0 and 1) under sigmoid(y)."""
def bias(x: Any, y: Any, axis: Any = 1) -> Any:
    """x + y, the axes of y lined up with those of x from `axis` on."""
def bilinear(e1: Any, e2: Any, W: Any, V1: Any = None, V2: Any = None, b: Any = None) -> Any:
    """Σ e1[j] e2[k] W[j, k, l], plus e1 V1 + e2 V2 + b if they are given."""
def binary_accuracy(y: Any, t: Any) -> Any:
    """The share of elements whose sign says the label, 1 (y >= 0) or 0; labels -1 do not count."""
def binary_hierarchical_softmax(x: Any, t: Any, W: Any, tree: Any, reduce: Any = 'sum') -> Any:
    """Minus the log probability of class t as a way down a binary tree. (Morin & Bengio 2005.)"""
def black_out(x: Any, t: Any, W: Any, samples: Any, reduce: Any = 'mean') -> Any:
    """-log p(t) - Σ log(1 - p(s)), p the softmax of x·W over t and the samples alone."""
def broadcast(*args: Any) -> Any:
    """The arguments repeated to their common shape: a tuple, or the one Variable of one."""
def broadcast_to(array: Any, shape: Any) -> Any:
    """x repeated to a shape, as NumPy broadcasts."""
def cast(x: Any, typ: Any) -> Any:
    """x in another dtype."""
def cbrt(x: Any, /) -> Any:
    """The cube root."""
def ceil(x: Any, /) -> Any:
    """The next integer upwards; its derivative is zero."""
def cholesky(a: Any, *, upper: Any = False, symmetrize_input: Any = True) -> Any:
    """The lower triangular L with L Lᵀ = x."""
def classification_summary(y: Any, t: Any, label_num: Any = None, beta: Any = 1.0, ignore_label: Any = -1) -> Any:
    """(precision, recall, F-beta score, support), each for every class; nan where undefined."""
def clip(x: Any, x_min: Any, x_max: Any) -> Any:
    """x held between two bounds (None: no bound); the gradient is zero outside."""
def clipped_relu(x: Any, z: Any = 20.0) -> Any:
    """min(max(x, 0), z)."""
def concat(xs: Any, axis: Any = 1) -> Any:
    """Arrays one after the other along an axis."""
def connectionist_temporal_classification(x: Any, t: Any, blank_symbol: Any, input_length: Any = None, label_length: Any = None, reduce: Any = 'mean') -> Any:
    """Minus the log probability of label sequences under outputs in time. (Graves et al. 2006.)"""
def contrastive(x0: Any, x1: Any, y: Any, margin: Any = 1, reduce: Any = 'mean') -> Any:
    """Squared distance of like pairs (y = 1), squared lack of margin of unlike ones (y = 0)."""
def convolution_1d(x: Any, W: Any, b: Any = None, stride: Any = 1, pad: Any = 0, cover_all: Any = False, dilate: Any = 1, groups: Any = 1) -> Any:
    """Cross-correlation of images (N, C, ...) with filters W (filters, C / groups, ...)."""
def convolution_2d(x: Any, W: Any, b: Any = None, stride: Any = 1, pad: Any = 0, cover_all: Any = False, dilate: Any = 1, groups: Any = 1) -> Any:
    """Cross-correlation of images (N, C, ...) with filters W (filters, C / groups, ...)."""
def convolution_3d(x: Any, W: Any, b: Any = None, stride: Any = 1, pad: Any = 0, cover_all: Any = False, dilate: Any = 1, groups: Any = 1) -> Any:
    """Cross-correlation of images (N, C, ...) with filters W (filters, C / groups, ...)."""
def convolution_nd(x: Any, W: Any, b: Any = None, stride: Any = 1, pad: Any = 0, cover_all: Any = False, dilate: Any = 1, groups: Any = 1) -> Any:
    """Cross-correlation of images (N, C, ...) with filters W (filters, C / groups, ...)."""
def copy(x: Any, dst: Any = None) -> Any:
    """x itself as a new Variable. `dst`, a device: there is the CPU, None, -1 or '@numpy'."""
def cos(x: Any, /) -> Any:
    """The cosine of an angle in radians."""
def cosh(x: Any, /) -> Any:
    """The hyperbolic cosine."""
def crelu(x: Any, axis: Any = 1) -> Any:
    """relu(x) and relu(-x), one after the other along an axis."""
def crf1d(cost: Any, xs: Any, ys: Any, reduce: Any = 'mean', *, initial_cost: Any = None, terminal_cost: Any = None) -> Any:
    """Minus the log probability of label sequences under a linear chain. (Lafferty et al. 2001.)"""
def cross_covariance(y: Any, z: Any, reduce: Any = 'half_squared_sum') -> Any:
    """Half the squared covariances of the columns of y with those of z. (Cheung et al. 2014.)"""
def cumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    """Products of the elements so far along an axis."""
def cumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    """Sums of the elements so far along an axis."""
def deconvolution_1d(x: Any, W: Any, b: Any = None, stride: Any = 1, pad: Any = 0, outsize: Any = None, dilate: Any = 1, groups: Any = 1) -> Any:
    """The transpose of a convolution with filters W (channels of x, channels out / groups, ...)."""
def deconvolution_2d(x: Any, W: Any, b: Any = None, stride: Any = 1, pad: Any = 0, outsize: Any = None, dilate: Any = 1, groups: Any = 1) -> Any:
    """The transpose of a convolution with filters W (channels of x, channels out / groups, ...)."""
def deconvolution_3d(x: Any, W: Any, b: Any = None, stride: Any = 1, pad: Any = 0, outsize: Any = None, dilate: Any = 1, groups: Any = 1) -> Any:
    """The transpose of a convolution with filters W (channels of x, channels out / groups, ...)."""
def deconvolution_nd(x: Any, W: Any, b: Any = None, stride: Any = 1, pad: Any = 0, outsize: Any = None, dilate: Any = 1, groups: Any = 1) -> Any:
    """The transpose of a convolution with filters W (channels of x, channels out / groups, ...)."""
def decorrelated_batch_normalization(x: Any, *, groups: Any = 16, eps: Any = 2e-05, running_mean: Any = None, running_projection: Any = None, decay: Any = 0.9) -> Any:
    """x with mean 0 and covariance 1 among the channels of each group. (Huang et al. 2018.)"""
def decov(h: Any, reduce: Any = 'half_squared_sum') -> Any:
    """Half the squared covariances of different columns of h. (Cogswell et al. 2015.)"""
def deformable_convolution_2d_sampler(x: Any, offset: Any, W: Any, b: Any = None, stride: Any = 1, pad: Any = 0) -> Any:
    """A convolution whose windows look at displaced places, bilinearly. (Dai et al. 2017.)"""
def depth2space(X: Any, r: Any) -> Any:
    """(N, r²C, H, W) to (N, C, rH, rW): channels become pixels."""
def depthwise_convolution_2d(x: Any, W: Any, b: Any = None, stride: Any = 1, pad: Any = 0) -> Any:
    """Each channel with filters of its own: W is (filters a channel, channels, kh, kw)."""
def det(a: Any) -> Any:
    """The determinant of a square matrix."""
def diagonal(a: Any, offset: Any = 0, axis1: Any = 0, axis2: Any = 1) -> Any:
    """The diagonal of the matrices in two axes."""
def digamma(x: Any) -> Any:
    """The logarithmic derivative of the gamma function."""
def dilated_convolution_2d(x: Any, W: Any, b: Any = None, stride: Any = 1, pad: Any = 0, dilate: Any = 1, cover_all: Any = False) -> Any:
    """`convolution_2d` with places in a window `dilate` apart. (Yu & Koltun 2015.)"""
def discriminative_margin_based_clustering_loss(embeddings: Any, labels: Any, delta_v: Any, delta_d: Any, max_embedding_dim: Any, norm: Any = 1, alpha: Any = 1.0, beta: Any = 1.0, gamma: Any = 0.001) -> Any:
    """(variance, distance, regularization) of clusters of pixels. (De Brabandere et al. 2017.)"""
def dropout(x: Any, ratio: Any = 0.5, *, mask: Any = None, return_mask: Any = False) -> Any:
    """x with a share `ratio` of its elements set to zero and the rest scaled up."""
def dstack(xs: Any) -> Any:
    """Arrays one behind the other, along the third axis."""
def einsum(subscripts: Any, /, *operands: Any, out: Any = None, optimize: Any = 'optimal', precision: Any = None, preferred_element_type: Any = None) -> Any:
    """Einstein summation: einsum('ij,jk->ik', a, b)."""
def elu(x: Any, alpha: Any = 1.0) -> Any:
    """x where it is positive, else alpha (exp(x) - 1)."""
def embed_id(x: Any, W: Any, ignore_label: Any = None) -> Any:
    """W[x]: the row of W for each integer of x, zeros for `ignore_label`."""
def erf(x: Any) -> Any:
    """The error function."""
def erfc(x: Any) -> Any:
    """The complementary error function."""
def erfcinv(y: Any, /) -> Any:
    """The inverse of the complementary error function."""
def erfcx(x: Any, /) -> Any:
    """exp(x²) erfc(x), without overflow."""
def erfinv(x: Any) -> Any:
    """The inverse of the error function."""
def exp(x: Any, /) -> Any:
    """The exponential function."""
def expand_dims(a: Any, axis: Any = 0) -> Any:
    """A new axis of size one."""
def expm1(x: Any, /) -> Any:
    """exp(x) - 1, accurate near 0."""
def f1_score(y: Any, t: Any, label_num: Any = None, ignore_label: Any = -1) -> Any:
    """(F1 score, support) of every class."""
def fft(x: Any) -> Any:
    """The discrete Fourier transform along the last axis, of (real, imaginary) to the like."""
def fix(x: Any, /) -> Any:
    """The next integer towards zero; its derivative is zero."""
def fixed_batch_normalization(x: Any, gamma: Any, beta: Any, mean: Any, var: Any, eps: Any = 2e-05, axis: Any = None) -> Any:
    """Batch normalization with given mean and variance."""
def fixed_batch_renormalization(x: Any, gamma: Any, beta: Any, mean: Any, var: Any, eps: Any = 2e-05) -> Any:
    """`fixed_batch_normalization`, which it is the same as."""
def fixed_decorrelated_batch_normalization(x: Any, mean: Any, projection: Any, groups: Any = 16) -> Any:
    """`decorrelated_batch_normalization` with given mean and projection."""
def flatten(x: Any) -> Any:
    """All elements in one axis."""
def flip(m: Any, axis: Any = None) -> Any:
    """The elements along an axis in reverse order."""
def fliplr(m: Any) -> Any:
    """The second axis in reverse order."""
def flipud(m: Any) -> Any:
    """The first axis in reverse order."""
def floor(x: Any, /) -> Any:
    """The next integer downwards; its derivative is zero."""
def fmod(x1: Any, x2: Any, /) -> Any:
    """The remainder of a division, with the sign of the dividend."""
def forget(func: Any, *xs: Any) -> Any:
    """func(*xs) without keeping what it computes in between: it is computed again backwards."""
def gaussian(mean: Any, ln_var: Any, *, eps: Any = None, return_eps: Any = False) -> Any:
    """A draw from a normal distribution, differentiable in mean and log variance."""
def gaussian_kl_divergence(mean: Any, ln_var: Any, reduce: Any = 'sum') -> Any:
    """The divergence of a normal distribution from the standard one."""
def gaussian_nll(x: Any, mean: Any, ln_var: Any, reduce: Any = 'sum') -> Any:
    """Minus the log density of x under a normal distribution of this mean and log variance."""
def get_item(x: Any, slices: Any) -> Any:
    """Elements of x: any NumPy index. Errors: IndexError out of bounds, with the line."""
def glu(x: Any, axis: Any = 1) -> Any:
    """The first half along an axis times the sigmoid of the second."""
def group_normalization(x: Any, groups: Any, gamma: Any, beta: Any, eps: Any = 1e-05) -> Any:
    """Mean 0 and variance 1 in each group of channels of each element. (Wu & He 2018.)"""
def gumbel_softmax(log_pi: Any, tau: Any = 0.1, axis: Any = 1) -> Any:
    """A differentiable draw of a one-hot vector, at temperature tau. (Jang et al. 2017.)"""
def hard_sigmoid(x: Any) -> Any:
    """0.2 x + 0.5 held between 0 and 1."""
def hinge(x: Any, t: Any, norm: Any = 'L1', reduce: Any = 'mean') -> Any:
    """max(0, 1 - x) for the class t[i] of each row, max(0, 1 + x) for the others, or squares."""
def hstack(xs: Any) -> Any:
    """Arrays one after the other along the second axis (the first, of vectors)."""
def huber_loss(x: Any, t: Any, delta: Any, reduce: Any = 'sum_along_second_axis') -> Any:
    """Half the squared error up to `delta`, linear beyond."""
def hypot(x1: Any, x2: Any, /) -> Any:
    """The length of the vector (x1, x2)."""
def identity(*inputs: Any) -> Any:
    """The arguments as they are, as Variables."""
def ifft(x: Any) -> Any:
    """The inverse of `fft`."""
def im2col(x: Any, ksize: Any, stride: Any = 1, pad: Any = 0, cover_all: Any = False, dilate: Any = 1) -> Any:
    """The windows of images (N, C, H, W) as (N, C · window, out...)."""
def inv(a: Any) -> Any:
    """The inverse of a square matrix."""
def layer_normalization(x: Any, gamma: Any, beta: Any, eps: Any = 1e-05) -> Any:
    """Each row of (N, D) with mean 0 and variance 1, times gamma plus beta. (Ba et al. 2016.)"""
def leaky_relu(x: Any, slope: Any = 0.2) -> Any:
    """x where it is positive, else slope · x."""
def lgamma(x: Any) -> Any:
    """The logarithm of the gamma function's absolute value."""
def linear(x: Any, W: Any, b: Any = None, n_batch_axes: Any = 1) -> Any:
    """x Wᵀ + b, the axes of x after the first `n_batch_axes` taken as one."""
def linear_interpolate(p: Any, x: Any, y: Any) -> Any:
    """p x + (1 - p) y."""
def local_convolution_2d(x: Any, W: Any, b: Any = None, stride: Any = 1) -> Any:
    """A convolution with filters of its own at each place: W is (filters, oh, ow, C, kh, kw)."""
def local_response_normalization(x: Any, n: Any = 5, k: Any = 2, alpha: Any = 0.0001, beta: Any = 0.75) -> Any:
    """x over a power of the squares in the n channels around. (Krizhevsky et al. 2012.)"""
def log(x: Any, /) -> Any:
    """The natural logarithm."""
def log10(x: Any, /) -> Any:
    """The logarithm to base 10."""
def log1p(x: Any, /) -> Any:
    """log(1 + x), accurate near 0."""
def log2(x: Any, /) -> Any:
    """The logarithm to base 2."""
def log_ndtr(x: Any, /) -> Any:
    """The logarithm of the normal distribution function."""
def log_softmax(x: Any, axis: Any = 1) -> Any:
    """x - logsumexp(x) along an axis: logarithms of probabilities."""
def logaddexp(x1: Any, x2: Any, /) -> Any:
    """log(exp(x1) + exp(x2)), without overflow."""
def logsumexp(x: Any, axis: Any = None, keepdims: Any = False) -> Any:
    """log(sum(exp(x))) along axes, without overflow."""
def lstm(c_prev: Any, x: Any) -> Any:
    """One step of a long short-term memory: (c, h) from the cell and the four gates' inputs."""
def matmul(a: Any, b: Any, transa: Any = False, transb: Any = False) -> Any:
    """The matrix product, of stacks too; `transa`, `transb` transpose an operand first."""
def max(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, initial: Any = None, where: Any = None) -> Any:
    """The largest element along axes; several largest share the gradient."""
def max_pooling_1d(x: Any, ksize: Any, stride: Any = None, pad: Any = 0, cover_all: Any = True, return_indices: Any = False) -> Any:
    """The largest element of each window; the stride is the window by default."""
def max_pooling_2d(x: Any, ksize: Any, stride: Any = None, pad: Any = 0, cover_all: Any = True, return_indices: Any = False) -> Any:
    """The largest element of each window; the stride is the window by default."""
def max_pooling_3d(x: Any, ksize: Any, stride: Any = None, pad: Any = 0, cover_all: Any = True, return_indices: Any = False) -> Any:
    """The largest element of each window; the stride is the window by default."""
def max_pooling_nd(x: Any, ksize: Any, stride: Any = None, pad: Any = 0, cover_all: Any = True, return_indices: Any = False) -> Any:
    """The largest element of each window; the stride is the window by default."""
def maximum(*xs: Any) -> Any:
    """The largest of several arrays, element by element; equal ones share the gradient."""
def maxout(x: Any, pool_size: Any, axis: Any = 1) -> Any:
    """The largest of each `pool_size` elements that are neighbours along an axis."""
def mean(x: Any, axis: Any = None, weights: Any = None, keepdims: Any = False) -> Any:
    """The mean along axes, weighted by `weights` if given."""
def mean_absolute_error(x0: Any, x1: Any) -> Any:
    """The mean of |x0 - x1|."""
def mean_squared_error(x0: Any, x1: Any) -> Any:
    """The mean of (x0 - x1)²."""
def min(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, initial: Any = None, where: Any = None) -> Any:
    """The smallest element along axes; several smallest share the gradient."""
def minimum(*xs: Any) -> Any:
    """The smallest of several arrays, element by element; equal ones share the gradient."""
def moveaxis(a: Any, source: Any, destination: Any) -> Any:
    """Axes moved to new places."""
def n_step_bigru(n_layers: Any, dropout_ratio: Any, hx: Any, ws: Any, bs: Any, xs: Any) -> Any:
    """A gated recurrent unit over sequences, n_layers layers deep, both ways: (hy, ys)."""
def n_step_bilstm(n_layers: Any, dropout_ratio: Any, hx: Any, cx: Any, ws: Any, bs: Any, xs: Any) -> Any:
    """A long short-term memory over sequences, n_layers layers deep, both ways: (hy, cy, ys)."""
def n_step_birnn(n_layers: Any, dropout_ratio: Any, hx: Any, ws: Any, bs: Any, xs: Any, activation: Any = 'tanh') -> Any:
    """A recurrent network over sequences, n_layers layers deep, both ways: (hy, ys)."""
def n_step_gru(n_layers: Any, dropout_ratio: Any, hx: Any, ws: Any, bs: Any, xs: Any) -> Any:
    """A gated recurrent unit over sequences, n_layers layers deep: (hy, ys)."""
def n_step_lstm(n_layers: Any, dropout_ratio: Any, hx: Any, cx: Any, ws: Any, bs: Any, xs: Any) -> Any:
    """A long short-term memory over sequences, n_layers layers deep: (hy, cy, ys)."""
def n_step_rnn(n_layers: Any, dropout_ratio: Any, hx: Any, ws: Any, bs: Any, xs: Any, activation: Any = 'tanh') -> Any:
    """A recurrent network over sequences, n_layers layers deep: (hy, ys)."""
def ndtr(x: Any, /) -> Any:
    """The normal distribution function."""
def ndtri(x: Any, /) -> Any:
    """The quantile function of the normal distribution."""
def negative_sampling(x: Any, t: Any, W: Any, sampler: Any, sample_size: Any, reduce: Any = 'sum', *, return_samples: Any = False) -> Any:
    """-log σ(x·W[t]) - Σ log σ(-x·W[s]) over sampled classes s. (Mikolov et al. 2013.)"""
def normalize(x: Any, eps: Any = 1e-05, axis: Any = 1) -> Any:
    """x over its Euclidean norm (plus eps) along axes."""
def pad(x: Any, pad_width: Any, mode: Any = 'constant', **keywords: Any) -> Any:
    """x with a border; modes and keywords as `numpy.pad`."""
def pad_sequence(xs: Any, length: Any = None, padding: Any = 0) -> Any:
    """Arrays of different lengths as one, filled up along the first axis."""
def permutate(x: Any, indices: Any, axis: Any = 0, inv: Any = False) -> Any:
    """Elements along an axis in the order `indices`; with `inv` the other way round."""
def polygamma(m: Any, x: Any) -> Any:
    """The n-th derivative of digamma, at x."""
def pow(x: Any, y: Any) -> Any:
    """x to the y-th power, of Variables, arrays and numbers."""
def precision(y: Any, t: Any, label_num: Any = None, ignore_label: Any = -1) -> Any:
    """(precision, support) of every class."""
def prelu(x: Any, W: Any) -> Any:
    """Leaky relu with learnt slopes W, lined up with the axes of x after the first."""
def prod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, initial: Any = None, where: Any = None, promote_integers: Any = True) -> Any:
    """The product along axes."""
def r2_score(pred: Any, true: Any, multioutput: Any = 'uniform_average') -> Any:
    """1 - the squared errors over the squares around the mean, column by column; 0 of constants."""
def recall(y: Any, t: Any, label_num: Any = None, ignore_label: Any = -1) -> Any:
    """(recall, support) of every class."""
def relu(x: Any) -> Any:
    """max(x, 0); the derivative at 0 is 0."""
def relu6(x: Any) -> Any:
    """min(max(x, 0), 6)."""
def repeat(a: Any, repeats: Any, axis: Any = None, *, total_repeat_length: Any = None) -> Any:
    """Each element several times."""
def reshape(a: Any, shape: Any = None, order: Any = 'C', *, newshape: Any = None, copy: Any = None) -> Any:
    """The same elements in another shape; one size may be -1."""
def resize_images(x: Any, output_shape: Any, mode: Any = 'bilinear', align_corners: Any = True) -> Any:
    """Images (N, C, H, W) in another size, `bilinear` or `nearest`."""
def roi_average_align_2d(x: Any, rois: Any, roi_indices: Any, outsize: Any, spatial_scale: Any, sampling_ratio: Any = None) -> Any:
    """Mean pooling of regions of images: (regions, C, *outsize)."""
def roi_average_pooling_2d(x: Any, rois: Any, roi_indices: Any, outsize: Any, spatial_scale: Any) -> Any:
    """Mean pooling of regions of images: (regions, C, *outsize)."""
def roi_max_align_2d(x: Any, rois: Any, roi_indices: Any, outsize: Any, spatial_scale: Any, sampling_ratio: Any = None) -> Any:
    """Max pooling of regions of images: (regions, C, *outsize)."""
def roi_max_pooling_2d(x: Any, rois: Any, roi_indices: Any, outsize: Any, spatial_scale: Any) -> Any:
    """Max pooling of regions of images: (regions, C, *outsize)."""
def roi_pooling_2d(x: Any, rois: Any, outh: Any, outw: Any, spatial_scale: Any) -> Any:
    """`roi_max_pooling_2d` of regions (image, x_min, y_min, x_max, y_max), ends included."""
def roll(a: Any, shift: Any, axis: Any = None) -> Any:
    """Elements shifted around along an axis."""
def rollaxis(a: Any, axis: Any, start: Any = 0) -> Any:
    """An axis moved before another."""
def rrelu(x: Any, l: Any = 0.125, u: Any = 0.3333333333333333, *, r: Any = None, return_r: Any = False) -> Any:
    """x where it is positive, else r · x with r drawn from [l, u), its mean outside of training."""
def rsqrt(x: Any) -> Any:
    """One over the square root."""
def scale(x: Any, y: Any, axis: Any = 1) -> Any:
    """x * y, the axes of y lined up with those of x from `axis` on."""
def scatter_add(a: Any, slices: Any, b: Any) -> Any:
    """a with b added at an index; an index that occurs twice is added to twice."""
def select_item(x: Any, t: Any) -> Any:
    """x[i, t[i]] for each i."""
def selu(x: Any, alpha: Any = 1.6732632423543772, scale: Any = 1.0507009873554805) -> Any:
    """elu scaled to keep mean and variance. (Klambauer et al. 2017.)"""
def separate(x: Any, axis: Any = 0) -> Any:
    """The slices along an axis, which is gone from them: the inverse of `stack`."""
def shift(x: Any, ksize: Any = 3, dilate: Any = 1) -> Any:
    """Groups of channels moved, one to each place of a window; zeros come in. (Wu et al. 2017.)"""
def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x))."""
def sigmoid_cross_entropy(x: Any, t: Any, normalize: Any = True, reduce: Any = 'mean') -> Any:
    """Minus the log probability of t (0 or 1; -1 counts nothing) under sigmoid(x)."""
def sign(x: Any, /) -> Any:
    """-1, 0 or 1; its derivative is zero."""
def simplified_dropconnect(x: Any, W: Any, b: Any = None, ratio: Any = 0.5, train: Any = True, mask: Any = None, use_batchwise_mask: Any = True) -> Any:
    """x Wᵀ + b where a share `ratio` of W's elements is zero and the rest scaled up."""
def sin(x: Any, /) -> Any:
    """The sine of an angle in radians."""
def sinh(x: Any, /) -> Any:
    """The hyperbolic sine."""
def slstm(c_prev1: Any, c_prev2: Any, x1: Any, x2: Any) -> Any:
    """`lstm` with two cells that come before, for binary trees: (c, h). (Zhu et al. 2015.)"""
def softmax(x: Any, axis: Any = 1) -> Any:
    """exp(x) / sum(exp(x)) along an axis: probabilities."""
def softmax_cross_entropy(x: Any, t: Any, normalize: Any = True, cache_score: Any = True, class_weight: Any = None, ignore_label: Any = -1, reduce: Any = 'mean', enable_double_backprop: Any = True, soft_target_loss: Any = 'cross-entropy') -> Any:
    """Minus the log probability of class t[i] under softmax(x[i])."""
def softplus(x: Any, beta: Any = 1.0) -> Any:
    """log(1 + exp(beta x)) / beta, a smooth relu."""
def solve(a: Any, b: Any) -> Any:
    """The x of A x = b."""
def space2depth(X: Any, r: Any) -> Any:
    """(N, C, rH, rW) to (N, r²C, H, W): the inverse of `depth2space`."""
def sparse_matmul(a: Any, b: Any, transa: Any = False, transb: Any = False) -> Any:
    """The product of a sparse matrix (`utils.CooMatrix`) and a dense one, or the other way round."""
def spatial_pyramid_pooling_2d(x: Any, pyramid_height: Any, pooling: Any = 'max') -> Any:
    """Maxima over 1, 4, 16, … parts of images, one after the other: (N, C · (1 + 4 + …), 1, 1)."""
def spatial_transformer_grid(theta: Any, output_shape: Any) -> Any:
    """Where affine maps theta (N, 2, 3) take the points of an image: (N, 2, H, W), x before y."""
def spatial_transformer_sampler(x: Any, grid: Any) -> Any:
    """Images (N, C, H, W) at the points of grid (N, 2, h, w), x before y, bilinearly."""
def split_axis(x: Any, indices_or_sections: Any, axis: Any, force_tuple: Any = True) -> Any:
    """Pieces along an axis: a number of equal ones, or between the given indices."""
def sqrt(x: Any, /) -> Any:
    """The square root."""
def square(x: Any, /) -> Any:
    """The square."""
def squared_difference(x1: Any, x2: Any) -> Any:
    """(x1 - x2)², element by element."""
def squared_error(x0: Any, x1: Any) -> Any:
    """(x0 - x1)², element by element."""
def squeeze(a: Any, axis: Any = None) -> Any:
    """Without axes of size one."""
def stack(xs: Any, axis: Any = 0) -> Any:
    """Arrays of one shape along a new axis."""
def sum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, initial: Any = None, where: Any = None, promote_integers: Any = True) -> Any:
    """The sum along axes."""
def sum_to(x: Any, shape: Any) -> Any:
    """The sum over the axes along which `shape` would be broadcast to that of x."""
def swapaxes(a: Any, axis1: Any, axis2: Any) -> Any:
    """Two axes interchanged."""
def swish(x: Any, beta: Any = 1.0) -> Any:
    """x · sigmoid(beta x); beta is a number, or lined up with the axes after the first."""
def tan(x: Any, /) -> Any:
    """The tangent of an angle in radians."""
def tanh(x: Any, /) -> Any:
    """The hyperbolic tangent."""
def tensordot(a: Any, b: Any, axes: Any = 2, *, precision: Any = None, preferred_element_type: Any = None) -> Any:
    """Sums of products along axes of two arrays."""
def tile(A: Any, reps: Any) -> Any:
    """The whole array several times."""
def transpose(x: Any, axes: Any = None) -> Any:
    """Axes in another order, reversed by default."""
def transpose_sequence(xs: Any) -> Any:
    """Sequences, the longest first, as the batches at each time, or such batches as sequences."""
def tree_lstm(*inputs: Any) -> Any:
    """tree_lstm(c1, …, cN, x) -> (c, h), for trees with N children. (Tai et al. 2015.)"""
def tril(m: Any, k: Any = 0) -> Any:
    """Zero above a diagonal."""
def triplet(anchor: Any, positive: Any, negative: Any, margin: Any = 0.2, reduce: Any = 'mean') -> Any:
    """How far the positive is not nearer than the negative, squared distances and a margin."""
def triu(m: Any, k: Any = 0) -> Any:
    """Zero below a diagonal."""
def unpooling_1d(x: Any, ksize: Any, stride: Any = None, pad: Any = 0, outsize: Any = None, cover_all: Any = True) -> Any:
    """Each element all over its window, overlaps added: the transpose of summing windows."""
def unpooling_2d(x: Any, ksize: Any, stride: Any = None, pad: Any = 0, outsize: Any = None, cover_all: Any = True) -> Any:
    """Each element all over its window, overlaps added: the transpose of summing windows."""
def unpooling_3d(x: Any, ksize: Any, stride: Any = None, pad: Any = 0, outsize: Any = None, cover_all: Any = True) -> Any:
    """Each element all over its window, overlaps added: the transpose of summing windows."""
def unpooling_nd(x: Any, ksize: Any, stride: Any = None, pad: Any = 0, outsize: Any = None, cover_all: Any = True) -> Any:
    """Each element all over its window, overlaps added: the transpose of summing windows."""
def upsampling_1d(x: Any, indexes: Any, ksize: Any, stride: Any = None, pad: Any = 0, outsize: Any = None, cover_all: Any = True) -> Any:
    """Each element at the place of its window that `indexes` says, zeros elsewhere."""
def upsampling_2d(x: Any, indexes: Any, ksize: Any, stride: Any = None, pad: Any = 0, outsize: Any = None, cover_all: Any = True) -> Any:
    """Each element at the place of its window that `indexes` says, zeros elsewhere."""
def upsampling_3d(x: Any, indexes: Any, ksize: Any, stride: Any = None, pad: Any = 0, outsize: Any = None, cover_all: Any = True) -> Any:
    """Each element at the place of its window that `indexes` says, zeros elsewhere."""
def upsampling_nd(x: Any, indexes: Any, ksize: Any, stride: Any = None, pad: Any = 0, outsize: Any = None, cover_all: Any = True) -> Any:
    """Each element at the place of its window that `indexes` says, zeros elsewhere."""
def vstack(xs: Any) -> Any:
    """Arrays one below the other."""
def where(condition: Any, x: Any, y: Any) -> Any:
    """x where the condition holds, else y."""
def zeta(x: Any, q: Any = None, out: Any = None) -> Any:
    """The Hurwitz zeta function of (x, q)."""
def zoneout(h: Any, x: Any, ratio: Any = 0.5) -> Any:
    """Elements of h with probability `ratio`, else of x; their mean outside of training."""
