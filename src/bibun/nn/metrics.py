"""Metrics that add up over batches: `update`, `compute`, `reset`."""

from __future__ import annotations

from typing import Any

from bibun import numpy as bnp
from bibun.nn.graph import Object
from bibun.nn.variables import MetricState


class Metric(Object):
    """Base class of metrics."""

    def reset(self) -> None:
        """Begin anew."""
        raise NotImplementedError(f"{type(self).__name__} has no reset")

    def update(self, **kwargs: Any) -> None:
        """Add a batch."""
        raise NotImplementedError(f"{type(self).__name__} has no update")

    def compute(self) -> Any:
        """The metric of all batches since the last reset."""
        raise NotImplementedError(f"{type(self).__name__} has no compute")


class Average(Metric):
    """The mean of the keyword `argname` over all batches; nan of none.

    >>> from bibun import nn
    >>> import bibun.numpy as bnp
    >>> m = nn.metrics.Average("loss")
    >>> m.update(loss=bnp.array([1.0, 2.0])); m.update(loss=6.0); float(m.compute())
    3.0
    """

    def __init__(self, argname: str = "values") -> None:
        self.argname = argname
        self.total = MetricState(bnp.zeros(()))
        self.count = MetricState(bnp.zeros((), int))

    def reset(self) -> None:
        self.total.value, self.count.value = bnp.zeros(()), bnp.zeros((), int)

    def update(self, **kwargs: Any) -> None:
        if self.argname not in kwargs:
            raise TypeError(f"{type(self).__name__}.update wants the keyword {self.argname!r}")
        values = bnp.asarray(kwargs[self.argname])
        self.total.value = self.total.value + bnp.sum(values).astype(float)
        self.count.value = self.count.value + values.size

    def compute(self) -> Any:
        return self.total.value / self.count.value


class Welford(Metric):
    """Mean, standard error and standard deviation of `argname` (Welford 1962).

    >>> from bibun import nn
    >>> import bibun.numpy as bnp
    >>> m = nn.metrics.Welford()
    >>> m.update(values=bnp.array([1.0, 3.0])); m.compute()["mean"]
    Array(2., dtype=float64)
    """

    def __init__(self, argname: str = "values") -> None:
        self.argname = argname
        self.count = MetricState(bnp.zeros((), int))
        self.mean = MetricState(bnp.zeros(()))
        self.m2 = MetricState(bnp.zeros(()))

    def reset(self) -> None:
        self.count.value = bnp.zeros((), int)
        self.mean.value = self.m2.value = bnp.zeros(())

    def update(self, **kwargs: Any) -> None:
        if self.argname not in kwargs:
            raise TypeError(f"Welford.update wants the keyword {self.argname!r}")
        values = bnp.asarray(kwargs[self.argname])
        n, new = self.count.value, values.size
        total = n + new
        shift = bnp.mean(values) - self.mean.value
        self.mean.value = self.mean.value + shift * new / total
        self.m2.value = self.m2.value + bnp.var(values) * new + shift**2 * n * new / total
        self.count.value = total

    def compute(self) -> Any:
        n = self.count.value
        deviation = bnp.sqrt(self.m2.value / n)
        return {
            "mean": self.mean.value,
            "standard_error_of_mean": deviation / bnp.sqrt(n),
            "standard_deviation": deviation,
        }


class Accuracy(Average):
    """The share of `labels` that the largest of `logits` names.

    With `threshold`: of a binary score.

    >>> from bibun import nn
    >>> import bibun.numpy as bnp
    >>> m = nn.metrics.Accuracy()
    >>> m.update(logits=bnp.array([[1.0, 2.0], [3.0, 0.0]]), labels=bnp.array([1, 1]))
    >>> float(m.compute())
    0.5
    """

    def __init__(self, threshold: float | None = None) -> None:
        super().__init__()
        self.threshold = threshold

    def update(self, *, logits: Any, labels: Any, **_: Any) -> None:  # type: ignore[override]
        logits, labels = bnp.asarray(logits), bnp.asarray(labels)
        said = bnp.argmax(logits, -1) if self.threshold is None else logits > self.threshold
        if said.shape != labels.shape:
            raise ValueError(f"Accuracy: logits {logits.shape} do not fit labels {labels.shape}")
        super().update(values=(said == labels).astype(float))


class MultiMetric(Metric):
    """Several metrics that see the same keywords.

    >>> from bibun import nn
    >>> import bibun.numpy as bnp
    >>> m = nn.MultiMetric(loss=nn.metrics.Average("loss"), accuracy=nn.metrics.Accuracy())
    >>> m.update(loss=0.5, logits=bnp.array([[1.0, 2.0]]), labels=bnp.array([1]))
    >>> m.compute()
    {'loss': Array(0.5, dtype=float64), 'accuracy': Array(1., dtype=float64)}
    """

    def __init__(self, **metrics: Any) -> None:
        taken = {"reset", "update", "compute"} & metrics.keys()
        if taken:
            raise ValueError(f"MultiMetric: {sorted(taken)} are methods; name the metric otherwise")
        self.names = tuple(metrics)
        for name, m in metrics.items():
            setattr(self, name, m)

    def reset(self) -> None:
        for name in self.names:
            getattr(self, name).reset()

    def update(self, **kwargs: Any) -> None:
        for name in self.names:
            getattr(self, name).update(**kwargs)

    def compute(self) -> Any:
        return {name: getattr(self, name).compute() for name in self.names}
