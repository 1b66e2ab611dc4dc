"""Made by tests/typing/make_stubs.py; `make stubs` makes it anew."""

from typing import Any


def __getattr__(name: str) -> Any: ...

def airy(x: Any, /) -> Any:
    """Airy's functions of a real number and their slopes: (Ai, Ai', Bi, Bi')."""
def bdtr(x: Any, y: Any, z: Any, /) -> Any:
    """The probability of at most k successes in n trials of probability p."""
def bdtrc(x: Any, y: Any, z: Any, /) -> Any:
    """The probability of more than k successes in n trials of probability p."""
def bernoulli(n: Any) -> Any:
    """Bernoulli's numbers B_0, …, B_n, with B_1 = -1/2."""
def bessel_jn(z: Any, *, v: Any, n_iter: Any = 50) -> Any:
    """J_0(z), …, J_v(z), stacked along a new first axis. `n_iter` is not needed here."""
def beta(a: Any, b: Any, /) -> Any:
    """The beta function gamma(a) gamma(b) / gamma(a + b)."""
def betainc(x: Any, y: Any, z: Any, /) -> Any:
    """The regularised incomplete beta function I_x(a, b)."""
def betaincc(a: Any, b: Any, x: Any, /) -> Any:
    """1 - betainc(a, b, x), accurate where it is small."""
def betaincinv(x: Any, y: Any, z: Any, /) -> Any:
    """x with betainc(a, b, x) = y."""
def betaln(a: Any, b: Any, /) -> Any:
    """log |B(a, b)|, accurate for large arguments too."""
def binom(n: Any, k: Any, /) -> Any:
    """The binomial coefficient as a function of real n and k."""
def boxcox(x: Any, lmbda: Any, /) -> Any:
    """Box and Cox's transformation (x**lmbda - 1)/lmbda, log(x) for lmbda = 0."""
def boxcox1p(x: Any, lmbda: Any, /) -> Any:
    """boxcox(1 + x, lmbda)."""
def cbrt(x: Any, /) -> Any:
    """Cube root."""
def chdtr(x: Any, y: Any, /) -> Any:
    """The chi-squared distribution function with v degrees of freedom, at x."""
def chdtrc(x: Any, y: Any, /) -> Any:
    """1 - chdtr(v, x), accurate where it is small."""
def chdtri(x: Any, y: Any, /) -> Any:
    """x with chdtrc(v, x) = p."""
def comb(N: Any, k: Any, *, exact: Any = False, repetition: Any = False) -> Any:
    """How many ways there are to choose k of N things (with repetition if asked)."""
def cosm1(x: Any, /) -> Any:
    """cos(x) - 1, accurate near 0."""
def dawsn(x: Any, /) -> Any:
    """Dawson's integral, exp(-x²) times the integral of exp(t²) from 0 to x."""
def digamma(x: Any, /) -> Any:
    """The logarithmic derivative of the gamma function."""
def ellipe(x: Any, /) -> Any:
    """The complete elliptic integral of the second kind."""
def ellipeinc(x: Any, y: Any, /) -> Any:
    """The incomplete elliptic integral of the second kind. Differentiable in both, to any order."""
def ellipk(x: Any, /) -> Any:
    """The complete elliptic integral of the first kind."""
def ellipkinc(x: Any, y: Any, /) -> Any:
    """The incomplete elliptic integral of the first kind. Differentiable in both, to any order."""
def entr(x: Any, /) -> Any:
    """-x log(x): 0 at 0, -inf for negative x."""
def erf(x: Any, /) -> Any:
    """The error function."""
def erfc(x: Any, /) -> Any:
    """1 - erf(x), accurate for large x."""
def erfcinv(y: Any, /) -> Any:
    """The inverse of erfc, accurate for small y."""
def erfcx(x: Any, /) -> Any:
    """exp(x²) erfc(x)."""
def erfi(x: Any, /) -> Any:
    """The imaginary error function, -i erf(ix)."""
def erfinv(x: Any, /) -> Any:
    """The inverse of erf."""
def eval_chebyt(n: Any, x: Any) -> Any:
    """Chebyshev's polynomial of the first kind T_n at x; n is a Python integer."""
def eval_chebyu(n: Any, x: Any) -> Any:
    """Chebyshev's polynomial of the second kind U_n at x; n is a Python integer."""
def eval_gegenbauer(n: Any, alpha: Any, x: Any) -> Any:
    """Gegenbauer's polynomial C_n^(alpha) at x; n is a Python integer."""
def eval_genlaguerre(n: Any, alpha: Any, x: Any) -> Any:
    """The generalised Laguerre polynomial L_n^(alpha) at x; n is a Python integer."""
def eval_hermite(n: Any, x: Any) -> Any:
    """The physicists' Hermite polynomial H_n at x; n is a Python integer."""
def eval_hermitenorm(n: Any, x: Any) -> Any:
    """The probabilists' Hermite polynomial He_n at x; n is a Python integer."""
def eval_laguerre(n: Any, x: Any) -> Any:
    """Laguerre's polynomial L_n at x; n is a Python integer."""
def eval_legendre(n: Any, x: Any) -> Any:
    """Legendre's polynomial P_n at x; n is a Python integer."""
def exp1(x: Any, /) -> Any:
    """The exponential integral E_1(x), the integral of exp(-xt)/t from 1 to infinity."""
def exp10(x: Any, /) -> Any:
    """10**x."""
def exp2(x: Any, /) -> Any:
    """Power of two, 2**x."""
def expi(x: Any, /) -> Any:
    """The exponential integral Ei(x)."""
def expit(x: Any, /) -> Any:
    """The logistic function, 1/(1 + exp(-x))."""
def expm1(x: Any, /) -> Any:
    """exp(x) - 1, exact near 0."""
def expn(x: Any, y: Any, /) -> Any:
    """The exponential integral E_n(x), for whole n >= 0."""
def exprel(x: Any, /) -> Any:
    """(exp(x) - 1)/x, 1 at 0; derivatives of every order hold there too."""
def factorial(n: Any, exact: Any = False) -> Any:
    """gamma(n + 1), and 0 for negative n."""
def fdtr(x: Any, y: Any, z: Any, /) -> Any:
    """The F distribution function with dfn and dfd degrees of freedom, at x."""
def fdtrc(x: Any, y: Any, z: Any, /) -> Any:
    """1 - fdtr(dfn, dfd, x), accurate where it is small."""
def fdtri(x: Any, y: Any, z: Any, /) -> Any:
    """x with fdtr(dfn, dfd, x) = p."""
def fresnel(x: Any, /) -> Any:
    """Fresnel's integrals (S(x), C(x)) of sin(πt²/2) and cos(πt²/2)."""
def gamma(x: Any, /) -> Any:
    """The gamma function; inf at 0, nan at negative integers."""
def gammainc(x: Any, y: Any, /) -> Any:
    """The regularised lower incomplete gamma function P(a, x)."""
def gammaincc(x: Any, y: Any, /) -> Any:
    """The regularised upper incomplete gamma function Q(a, x) = 1 - P(a, x)."""
def gammainccinv(x: Any, y: Any, /) -> Any:
    """x with gammaincc(a, x) = y."""
def gammaincinv(x: Any, y: Any, /) -> Any:
    """x with gammainc(a, x) = y."""
def gammaln(x: Any, /) -> Any:
    """log of |gamma(x)|."""
def gammasgn(x: Any, /) -> Any:
    """The sign of gamma(x): 1 or -1; nan at negative integers."""
def gdtr(x: Any, y: Any, z: Any, /) -> Any:
    """The gamma distribution function of shape b and rate a, at x."""
def gdtrc(x: Any, y: Any, z: Any, /) -> Any:
    """1 - gdtr(a, b, x)."""
def hankel1(v: Any, z: Any, /) -> Any:
    """Hankel's function of the first kind, jv(v, z) + i yv(v, z), for real arguments; complex."""
def hankel2(v: Any, z: Any, /) -> Any:
    """Hankel's function of the second kind, jv(v, z) - i yv(v, z), for real arguments; complex."""
def huber(delta: Any, r: Any, /) -> Any:
    """Huber's loss: r²/2 up to delta, linear beyond; inf for negative delta."""
def hyp1f1(x: Any, y: Any, z: Any, /) -> Any:
    """Kummer's confluent hypergeometric function, differentiable in all arguments, to any order."""
def hyp2f1(w: Any, x: Any, y: Any, z: Any, /) -> Any:
    """Gauss's hypergeometric function, differentiable in all arguments, to any order."""
def i0(x: Any, /) -> Any:
    """The modified Bessel function of the first kind of order 0."""
def i0e(x: Any, /) -> Any:
    """exp(-|x|) i0(x)."""
def i1(x: Any, /) -> Any:
    """The modified Bessel function of the first kind of order 1."""
def i1e(x: Any, /) -> Any:
    """exp(-|x|) i1(x)."""
def inv_boxcox(y: Any, lmbda: Any, /) -> Any:
    """x with boxcox(x, lmbda) = y."""
def inv_boxcox1p(y: Any, lmbda: Any, /) -> Any:
    """x with boxcox1p(x, lmbda) = y."""
def iv(x: Any, y: Any, /) -> Any:
    """The modified Bessel function of the first kind of real order v. Differentiable in both arguments, to any order."""
def ive(x: Any, y: Any, /) -> Any:
    """exp(-|z|) iv(v, z). Differentiable in both arguments, to any order."""
def ivp(v: Any, z: Any, n: Any = 1) -> Any:
    """The n-th derivative of `iv(v, z)` with respect to z."""
def j0(x: Any, /) -> Any:
    """The Bessel function of the first kind of order 0."""
def j1(x: Any, /) -> Any:
    """The Bessel function of the first kind of order 1."""
def jn(x: Any, y: Any, /) -> Any:
    """The Bessel function of the first kind of whole order."""
def jv(x: Any, y: Any, /) -> Any:
    """The Bessel function of the first kind of real order v. Differentiable in both arguments, to any order."""
def jve(x: Any, y: Any, /) -> Any:
    """jv(v, z), which for real z is not scaled."""
def jvp(v: Any, z: Any, n: Any = 1) -> Any:
    """The n-th derivative of `jv(v, z)` with respect to z."""
def k0(x: Any, /) -> Any:
    """The modified Bessel function of the second kind of order 0."""
def k0e(x: Any, /) -> Any:
    """exp(x) k0(x)."""
def k1(x: Any, /) -> Any:
    """The modified Bessel function of the second kind of order 1."""
def k1e(x: Any, /) -> Any:
    """exp(x) k1(x)."""
def kl_div(x: Any, y: Any, /) -> Any:
    """x log(x/y) - x + y, non-negative and convex; inf outside x >= 0, y >= 0."""
def kn(x: Any, y: Any, /) -> Any:
    """The modified Bessel function of the second kind of whole order."""
def kv(x: Any, y: Any, /) -> Any:
    """The modified Bessel function of the second kind of real order v. Differentiable in both arguments, to any order."""
def kve(x: Any, y: Any, /) -> Any:
    """exp(z) kv(v, z). Differentiable in both arguments, to any order."""
def kvp(v: Any, z: Any, n: Any = 1) -> Any:
    """The n-th derivative of `kv(v, z)` with respect to z."""
def lambertw(z: Any, k: Any = 0, tol: Any = 1e-08) -> Any:
    """The k-th branch of Lambert's W, the solutions of W exp(W) = z; complex."""
def log1p(x: Any, /) -> Any:
    """log(1 + x), exact near 0."""
def log_expit(x: Any, /) -> Any:
    """log(expit(x)) = -log(1 + exp(-x)), without overflow."""
def log_ndtr(x: Any, /) -> Any:
    """log ndtr(x), without underflow."""
def log_softmax(x: Any, axis: Any = None) -> Any:
    """log(softmax(x)), without underflow."""
def loggamma(x: Any, /) -> Any:
    """The logarithm of the gamma function of a positive number; nan for negative ones."""
def logit(x: Any, /) -> Any:
    """log(x/(1 - x)), the inverse of expit; ±inf at 1 and 0, nan outside."""
def logsumexp(a: Any, axis: Any = None, b: Any = None, keepdims: Any = False, return_sign: Any = False, where: Any = None) -> Any:
    """log Σ b exp(a) along axes (all by default), without overflow."""
def multigammaln(a: Any, d: Any) -> Any:
    """log of the multivariate gamma function of dimension d at a > (d - 1)/2."""
def nbdtr(x: Any, y: Any, z: Any, /) -> Any:
    """The probability of at most k failures before the n-th success."""
def nbdtrc(x: Any, y: Any, z: Any, /) -> Any:
    """The probability of more than k failures before the n-th success."""
def ndtr(x: Any, /) -> Any:
    """The standard normal distribution function, accurate in both tails."""
def ndtri(x: Any, /) -> Any:
    """The standard normal quantile function."""
def owens_t(x: Any, y: Any, /) -> Any:
    """Owen's T: the probability of X > h and 0 < Y < aX, X and Y standard normal."""
def pdtr(x: Any, y: Any, /) -> Any:
    """The probability of at most k events, of a Poisson distribution of mean m."""
def pdtrc(x: Any, y: Any, /) -> Any:
    """The probability of more than k events, of a Poisson distribution of mean m."""
def perm(N: Any, k: Any, exact: Any = False) -> Any:
    """How many ordered selections of k of N things there are."""
def poch(z: Any, m: Any, /) -> Any:
    """Pochhammer's symbol, the rising factorial gamma(z + m) / gamma(z)."""
def polygamma(x: Any, y: Any, /) -> Any:
    """The n-th derivative of digamma at x; n is a whole number, held constant."""
def pseudo_huber(delta: Any, r: Any, /) -> Any:
    """The smooth relative of Huber's loss, delta² (sqrt(1 + (r/delta)²) - 1)."""
def psi(x: Any, /) -> Any:
    """The logarithmic derivative of the gamma function."""
def rel_entr(x: Any, y: Any, /) -> Any:
    """x log(x/y), the summand of the relative entropy; inf outside x >= 0, y >= 0."""
def rgamma(x: Any, /) -> Any:
    """1/gamma(x), 0 at 0, -1, -2, …"""
def round(x: Any, /) -> Any:
    """Nearest integer, as a float, halves to even."""
def shichi(x: Any, /) -> Any:
    """The hyperbolic sine and cosine integrals (Shi(x), Chi(x))."""
def sici(x: Any, /) -> Any:
    """The sine and cosine integrals (Si(x), Ci(x))."""
def softmax(x: Any, axis: Any = None) -> Any:
    """exp(x) / Σ exp(x) along axes (all by default)."""
def softplus(x: Any, /) -> Any:
    """log(1 + exp(x)), without overflow."""
def spence(x: Any, /) -> Any:
    """The integral of log(t)/(1 - t) from 1 to z."""
def sph_harm_y(n: Any, m: Any, theta: Any, phi: Any, diff_n: Any = None, n_max: Any = None) -> Any:
    """The spherical harmonic Y_n^m at polar angle theta and azimuth phi; complex."""
def spherical_in(n: Any, z: Any, derivative: Any = False) -> Any:
    """The modified spherical Bessel function of the first kind of order n, for z >= 0; with `derivative`, its slope in z."""
def spherical_jn(n: Any, z: Any, derivative: Any = False) -> Any:
    """The spherical Bessel function of the first kind of order n, for z >= 0; with `derivative`, its slope in z."""
def spherical_kn(n: Any, z: Any, derivative: Any = False) -> Any:
    """The modified spherical Bessel function of the second kind of order n, for z >= 0; with `derivative`, its slope in z."""
def spherical_yn(n: Any, z: Any, derivative: Any = False) -> Any:
    """The spherical Bessel function of the second kind of order n, for z >= 0; with `derivative`, its slope in z."""
def stdtr(x: Any, y: Any, /) -> Any:
    """The distribution function of Student's t."""
def stdtrit(x: Any, y: Any, /) -> Any:
    """t with stdtr(df, t) = p."""
def voigt_profile(x: Any, sigma: Any, gamma: Any, /) -> Any:
    """Voigt's profile: the density of the sum of Normal(0, sigma) and Cauchy(0, gamma)."""
def wofz(z: Any, /) -> Any:
    """Faddeeva's function w(z) = exp(-z²) erfc(-iz), complex."""
def xlog1py(x: Any, y: Any, /) -> Any:
    """x log(1 + y), and 0 where x is 0."""
def xlogy(x: Any, y: Any, /) -> Any:
    """x log(y), and 0 where x is 0."""
def y0(x: Any, /) -> Any:
    """The Bessel function of the second kind of order 0."""
def y1(x: Any, /) -> Any:
    """The Bessel function of the second kind of order 1."""
def yn(x: Any, y: Any, /) -> Any:
    """The Bessel function of the second kind of whole order."""
def yv(x: Any, y: Any, /) -> Any:
    """The Bessel function of the second kind of real order v. Differentiable in both arguments, to any order."""
def yve(x: Any, y: Any, /) -> Any:
    """yv(v, z), which for real z is not scaled."""
def yvp(v: Any, z: Any, n: Any = 1) -> Any:
    """The n-th derivative of `yv(v, z)` with respect to z."""
def zeta(x: Any, q: Any = None, out: Any = None) -> Any:
    """Hurwitz's zeta function Σ (k + q)^-x; without q Riemann's, for every real x."""
def zetac(x: Any, /) -> Any:
    """Riemann's zeta function less 1."""
