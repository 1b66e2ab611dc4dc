"""Benchmarks of bibun against its peers: the same source, side by side, as ratios.

How measuring is done
---------------------
*Same source.* A workload (`benchmarks/workloads/`) is written once, as a function of a
`Stack`: the object that stands for the import lines (`benchmarks/stack.py`). With "jax" it
hands out jax, jax.numpy and numpyro, with "bibun" bibun, bibun.numpy and bibun.prob. Only
nutpie, whose models are PyMC's, has its own source. All in double precision.

*Fresh processes.* Every figure comes from a process that does one thing for one workload and
stack (`benchmarks/worker.py`), so that nothing is warm by accident, and the two stacks may
live in two interpreters. Three figures are taken:

(a) cold: the first call in a process that finds an empty cache (bibun: an empty
    `BIBUN_CACHE_DIR`, which it also writes; JAX: its default, no persistent cache);
(b) warm: the first call in a process that finds what an earlier one has compiled (JAX: its
    persistent compilation cache, switched on, with no lower bound on what it keeps);
(c) steady: the median of many calls in the process of (b), each until its result is ready.

Imports, and making the data, are not part of (a) and (b); both are reported beside them. JAX
starts its backend when it makes the data, bibun loads LLVM when it first compiles: where the
rule is unfair, it is unfair to bibun.

*Noise.* The machine is never alone with us. So stacks alternate, process by process, and the
order turns round with each repetition; a figure is the median over repetitions (of medians,
for (c)); what is compared is the ratio, since a slow minute slows both. The share of the
machine that other processes took meanwhile is stored with the result; above a tenth it is also
printed, and the figures are not worth keeping.

*The same result.* The results of both stacks are compared, to the tolerance the workload
states, random numbers included (bibun draws JAX's bits). Samplers draw different numbers:
the means of their parameters must agree within five Monte Carlo errors, and what counts is
effective draws a second (the smallest over all parameters, bulk, by the same code for both),
so speed cannot be bought with worse mixing. A difference fails the run whatever the speed.

    make bench                                   everything, results and table rewritten
    python -m benchmarks --quick --only kepler   one repetition of one workload, nothing stored
"""
