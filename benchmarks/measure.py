"""Times of alternatives, taken in turn in one process: medians of the thread's CPU time, each warmed before."""

import math
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Bench", "Runner"]


@dataclass(frozen=True)
class Runner:
    """One alternative: ``call()``, or ``call(fresh())`` with a state made anew, untimed, for every call."""

    call: Callable[..., Any]
    fresh: Callable[[], Any] | None = None


@dataclass(frozen=True)
class Bench:
    """How long to measure: `n_samples` samples of each alternative, each of about `sample_s` seconds; all in turn."""

    n_samples: int = 7
    sample_s: float = 0.03
    quick: bool = False

    def medians(self, runners: Mapping[str, Runner | Callable[..., Any]], per: int = 1) -> dict[str, float]:
        """Median CPU time in seconds per item of calls that treat `per` items each."""
        made = {name: r if isinstance(r, Runner) else Runner(r) for name, r in runners.items()}
        n_calls = {name: self._calls(r) for name, r in made.items()}
        times: dict[str, list[float]] = {name: [] for name in made}
        for _ in range(self.n_samples):
            for name, runner in made.items():
                times[name].append(_sample(runner, n_calls[name]) / per)
        return {name: statistics.median(t) for name, t in times.items()}

    def _calls(self, runner: Runner) -> int:
        once = min(_sample(runner, 1) for _ in range(2))
        return 1 if runner.fresh else max(1, math.ceil(self.sample_s / max(once, 1e-7)))

    def wall(self, command: Sequence[str], n_samples: int = 0, **options: Any) -> float:
        """Median wall time in seconds of a program; CalledProcessError when it fails."""
        times = []
        for _ in range(n_samples or self.n_samples):
            start = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True, **options)
            times.append(time.perf_counter() - start)
        return statistics.median(times)


def _sample(runner: Runner, n_calls: int) -> float:
    """CPU seconds per call; one call goes before, so that the caches hold this runner's data and not its rival's."""
    call = runner.call
    if runner.fresh:
        call(runner.fresh())
        states = [runner.fresh() for _ in range(n_calls)]
        start = time.thread_time()
        for state in states:
            call(state)
        return (time.thread_time() - start) / n_calls
    call()
    start = time.thread_time()
    for _ in range(n_calls):
        call()
    return (time.thread_time() - start) / n_calls
