"""One step of constrained entropy maximization over independent Beta laws: the optimizer inside of ``doraemon``.

Everything is in float64 with analytic first and second derivatives. In float32 the relative entropy of neighbouring
Betas is noise (-4e-5 where it is 9e-10), and an optimizer reports success without having moved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
from scipy.optimize import Bounds, NonlinearConstraint, minimize
from scipy.special import polygamma, psi

from sim2real.distributions.beta import Beta
from sim2real.randomizers.importance import Trials
from sim2real_envs.parameters import Array

GTOL, XTOL = 1e-8, 1e-8  # of trust-constr, in log exponents; 1e-4 there leaves 4 % of the trust region unused
ITERATIONS = 300
DIVERGENCES = ("old_new", "new_old")
BACKUP_MARGIN = 1e-5  # by which the search for a feasible law stays inside of the trust region [nat]
# shares of the optimizer's step, tried in turn where it misses a constraint
RETREAT = (1.0, *(1.0 - 2.0 ** np.arange(-12.0, 0.0)), *(2.0 ** -np.arange(1.0, 9.0)))
SLACK = 1e-6  # by which a constraint may be missed [nat, or share of successes]


class _Smooth(Protocol):
    """A function of the exponents x = (a, b), (2n,), with its first and second derivatives."""

    def value(self, x: Array) -> float: ...

    def gradient(self, x: Array) -> Array: ...

    def hessian(self, x: Array) -> Array: ...


Limit: TypeAlias = tuple[_Smooth, float, float]  # a function, its least and its largest value


def _split(x: Array) -> tuple[Array, Array, Array]:
    """Return a, b and a + b, (n,) each."""
    a, b = np.split(x, 2)
    return a, b, a + b


def _blocks(of_a: Array, of_b: Array, of_both: Array) -> Array:
    """Return the second derivatives of sum f(a) + g(b) + h(a + b), (2n, 2n)."""
    return np.block(
        [[np.diag(of_a + of_both), np.diag(of_both)], [np.diag(of_both), np.diag(of_b + of_both)]],
    )


def _law(x: Array) -> Beta:
    a, b, _ = _split(x)
    return Beta(a, b)


@dataclass(frozen=True)
class _Entropy:
    """H(p_x)."""

    def value(self, x: Array) -> float:
        return _law(x).entropy()

    def gradient(self, x: Array) -> Array:
        a, b, s = _split(x)
        both = (s - 2.0) * polygamma(1, s)
        return np.concatenate([both - (a - 1.0) * polygamma(1, a), both - (b - 1.0) * polygamma(1, b)])

    def hessian(self, x: Array) -> Array:
        a, b, s = _split(x)
        of_a, of_b, of_both = (-polygamma(1, c) - (c - d) * polygamma(2, c) for c, d in ((a, 1.0), (b, 1.0), (s, 2.0)))
        return _blocks(of_a, of_b, -of_both)


@dataclass(frozen=True)
class _FromOld:
    """KL(p_old || p_x)."""

    old: Beta

    def value(self, x: Array) -> float:
        return self.old.kl(_law(x))

    def gradient(self, x: Array) -> Array:
        (a, b, s), (c, d) = _split(x), (self.old.a, self.old.b)
        both = psi(c + d) - psi(s)
        return np.concatenate([psi(a) - psi(c) + both, psi(b) - psi(d) + both])

    def hessian(self, x: Array) -> Array:
        a, b, s = _split(x)
        return _blocks(polygamma(1, a), polygamma(1, b), -polygamma(1, s))


@dataclass(frozen=True)
class _ToOld:
    """KL(p_x || p_old)."""

    old: Beta

    def value(self, x: Array) -> float:
        return _law(x).kl(self.old)

    def gradient(self, x: Array) -> Array:
        (a, b, s), (c, d) = _split(x), (self.old.a, self.old.b)
        both = (s - c - d) * polygamma(1, s)
        return np.concatenate([(a - c) * polygamma(1, a) - both, (b - d) * polygamma(1, b) - both])

    def hessian(self, x: Array) -> Array:
        (a, b, s), (c, d) = _split(x), (self.old.a, self.old.b)
        of_a, of_b, of_both = (polygamma(1, p) + (p - q) * polygamma(2, p) for p, q in ((a, c), (b, d), (s, c + d)))
        return _blocks(of_a, of_b, -of_both)


@dataclass(frozen=True)
class _Success:
    """mean_k p_x(xi_k) / p_drawn(xi_k) success_k."""

    trials: Trials

    def value(self, x: Array) -> float:
        return self.trials.success_rate(_law(x))

    def gradient(self, x: Array) -> Array:
        weight, score = self._parts(x)
        gradient: Array = weight @ score
        return gradient

    def hessian(self, x: Array) -> Array:
        weight, score = self._parts(x)
        hessian: Array = (score.T * weight) @ score - weight.sum() * _FromOld(_law(x)).hessian(x)
        return hessian

    def _parts(self, x: Array) -> tuple[Array, Array]:
        """Return each episode's term (k,) and the derivatives of its log density (k, 2n)."""
        a, b, s = _split(x)
        unit = self.trials.unit
        score = np.concatenate([np.log(unit) - psi(a) + psi(s), np.log1p(-unit) - psi(b) + psi(s)], axis=1)
        return self.trials.weights(_law(x)) * self.trials.success / len(self.trials), score


def ascend(law: Beta, trials: Trials, threshold: float, radius: float, bounds: Bounds, divergence: str) -> Beta:
    """Return the law of the largest entropy within the trust region that keeps the share of successes.

    max_x H(p_x)  s.t.  E_x[success] >= threshold  and  KL <= radius.

    Where ``law`` itself does not keep the share, the law with the most successes in the trust region is sought first;
    if even that has too few, it is the result.

    Args:
        law: The law that the trust region is around.
        trials: Episodes for the estimate.
        threshold: Least share of successes.
        radius: Of the trust region [nat].
        bounds: Of the exponents, those of zero first and then those of one (2n,).
        divergence: ``"old_new"`` for KL(law || new) or ``"new_old"`` for KL(new || law).
    """
    entropy, success = _Entropy(), _Success(trials)
    distance: _Smooth = _FromOld(law) if divergence == "old_new" else _ToOld(law)
    begin = np.concatenate([law.a, law.b])
    if success.value(begin) < threshold:
        begin = _maximize(success, begin, bounds, [(distance, -np.inf, radius - BACKUP_MARGIN)])
        if success.value(begin) < threshold:
            return _law(begin)
    near, enough = (distance, -np.inf, radius), (success, threshold, np.inf)
    return _law(_maximize(entropy, begin, bounds, [near, enough]))


@dataclass(frozen=True)
class _InLogs:
    """A function of y = log x, in which exponents stay positive and steps are of one size."""

    of_x: _Smooth
    sign: float = 1.0

    def value(self, y: Array) -> float:
        return self.sign * self.of_x.value(np.exp(y))

    def gradient(self, y: Array) -> Array:
        x = np.exp(y)
        return self.sign * self.of_x.gradient(x) * x

    def hessian(self, y: Array) -> Array:
        x = np.exp(y)
        hessian: Array = self.sign * self.of_x.hessian(x) * np.outer(x, x) + np.diag(self.gradient(y))
        return hessian

    def constraint(self, low: float, high: float) -> NonlinearConstraint:
        """Return ``low <= f(y) <= high``."""
        value: Any = self.value
        weighed: Any = self._weighed
        return NonlinearConstraint(value, low, high, jac=self.gradient, hess=weighed)

    def _weighed(self, y: Array, multipliers: Array) -> Array:
        weighed: Array = multipliers[0] * self.hessian(y)
        return weighed


def _maximize(goal: _Smooth, begin: Array, bounds: Bounds, limits: Sequence[Limit]) -> Array:
    """Return where ``goal`` is largest within ``limits``, at least as good as ``begin``, which is within them.

    What the optimizer returns may miss a limit by a little: it is drawn back towards ``begin`` as far as it takes.
    """
    least: Any = _InLogs(goal, -1.0)
    options: Any = {"gtol": GTOL, "xtol": XTOL, "maxiter": ITERATIONS}
    found = minimize(
        least.value,
        np.log(begin),
        jac=least.gradient,
        hess=least.hessian,
        method="trust-constr",
        bounds=Bounds(np.log(bounds.lb), np.log(bounds.ub)),
        constraints=[_InLogs(limit).constraint(low, high) for limit, low, high in limits],
        options=options,
    )
    end = np.clip(np.exp(found.x), bounds.lb, bounds.ub)
    for share in RETREAT:
        x: Array = begin + share * (end - begin)
        kept = all(low - SLACK <= limit.value(x) <= high + SLACK for limit, low, high in limits)
        if kept and goal.value(x) >= goal.value(begin):
            return x
    return begin
