"""Code as users write it; `make types` checks that no checker finds fault with it."""

import numpy as np

import bibun
import bibun.lax as lax
import bibun.numpy as bnp
import bibun.prob as prob
import bibun.prob.distributions as dist
import bibun.variable.functions as F
from bibun import nn, optim
from bibun.gp import GaussianProcess, kernels
from bibun.prob.infer import MCMC, NUTS
from bibun.scipy import special
from bibun.variable import Variable, grad

x = bnp.array([1.0, 2.0])
y = bnp.sin(x) + 1.0 - x**2
print(y.shape, float(bnp.sum(y) / 2), bnp.where(x > 1, x, 0.0), bnp.linalg.norm(x), bnp.pi)
print(x.at[0].set(3.0)[1], special.gammaln(x), bnp.not_in_the_stub_yet)
slope = bibun.jit(bibun.grad(lambda v: bnp.sum(bnp.sin(v))))(x)
spread = bibun.vmap(bnp.exp)(x)
value, slopes = bibun.value_and_grad(lambda v: bnp.sum(v * v))(x)


def model(a: object, b: object = None) -> None:
    mu = prob.sample("mu", dist.Normal(0.0, 1.0))
    with prob.plate("n", 3):
        prob.sample("y", dist.Normal(mu, 1.0), obs=b)


mcmc = MCMC(NUTS(model), num_warmup=10, num_samples=10)
mcmc.run(0, x)
print(np.mean(mcmc.get_samples()["mu"]), mcmc.get_samples()["mu"].mean())

gp = GaussianProcess(2.0 * kernels.Matern32(1.0) + kernels.White(0.1), x, diag=0.1)
print(gp.log_probability(y), gp.condition(y).gp.loc)

v = Variable(np.array(2.0))
w = F.sum(F.sin(v) * 2 - 1.0)
(d,) = grad([w], [v])
print(d.array, (v - 2.0).array, (1.0 / v).T, F.exp(v).data, -v)

count = lax.while_loop(lambda c: c < 3, lambda c: c + 1, 0)
total, sums = lax.scan(lambda c, t: (c + t, c), 0.0, x)
optimizer = optim.adam(0.1)
updates, state = optimizer.update(slope, optimizer.init(x))
layer = nn.Linear(2, 3, rngs=nn.Rngs(0))
print(layer(x).shape, bibun.random.normal(bibun.random.key(0), (3,)))
