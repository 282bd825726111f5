"""Sampling on several processes or machines: Ray Data's `map_batches` over a pool of actors, each with an engine.

The unit of work is the batch that one process would sample too (`by_length`), and a token's random number depends on
its own identity alone, so the responses are those of one process, in its order, whichever worker draws them and
however often one dies on the way.

Ray's own LLM batch processor (ray.data.llm) does not serve: its vLLM stage passes SamplingParams on, but returns
text, tokens and log-probs only. Temperatures and entropies stay in the engine, which the processor gives no access to.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from mtpipe.errors import MtpipeError
from mtpipe.model.policy import Vocabulary, load_vocabulary
from mtpipe.ray_address import INSTALL, knock
from mtpipe.records import ROLLOUTS, Rollout
from mtpipe.sampling.drawing.requests import Request, SamplingPlan, by_length, refuse_batch_dependent

if TYPE_CHECKING:
    from mtpipe.sampling.engine import Engine

_ROWS = ROLLOUTS.append(pa.field("error", pa.string()))
"""What a worker returns: rollouts, or one row with nothing but the reason why there are none."""


@dataclass(frozen=True)
class Workers:
    """How many engines there are, what each takes, and the cluster they run on; None starts one on this machine."""

    count: int
    cpus: int
    gpus: int
    address: str | None


class RayEngine:
    """A pool of engines as one (`mtpipe.sampling.engine.Engine`); each worker opens its own with `open_engine`.

    Workers read the policy's folder by its absolute path: on several machines it lies on a shared file system.
    """

    def __init__(self, folder: Path, open_engine: Callable[[Path], "Engine"], workers: Workers):
        """Raises MtpipeError if Ray is not installed, or the cluster too small for the workers."""
        self.vocabulary: Vocabulary = load_vocabulary(folder)
        self._folder = folder.resolve()
        self._open_engine = open_engine
        self._workers = workers
        self._ray = _start_ray(workers)

    def load(self, folder: Path) -> None:
        """Goes on with the policy in another folder."""
        self.vocabulary, self._folder = load_vocabulary(folder), folder.resolve()

    def sample(self, requests: Sequence[Request], plan: SamplingPlan) -> Iterator[Rollout]:
        """Samples one response to each request, in the order of one process."""
        refuse_batch_dependent(requests, "Ray's workers, each with a batch of its own")
        from ray.data import ActorPoolStrategy, DataContext, range

        batches = list(by_length(requests, plan.batch_size))
        context = DataContext.get_current()
        context.execution_options.preserve_order = True
        context.enable_progress_bars = False
        sampled = range(len(batches), override_num_blocks=len(batches)).map_batches(
            _Worker,
            fn_constructor_args=(self._open_engine, self._folder, self._ray.put(batches), plan),
            batch_size=1,
            compute=ActorPoolStrategy(size=min(self._workers.count, len(batches))),
            num_cpus=self._workers.cpus,
            num_gpus=self._workers.gpus,
        )
        try:
            for table in sampled.iter_batches(batch_size=None, batch_format="pyarrow"):
                for row in table.to_pylist():
                    if refused := row.pop("error"):
                        raise MtpipeError(refused)
                    yield Rollout(**row)
        except self._ray.exceptions.RayError as error:
            raise MtpipeError(f"sampling on Ray's workers failed: {error}") from error

    def close(self) -> None:
        """Leaves the cluster, and ends it where `__init__` started it."""
        self._ray.shutdown()


class _Worker:
    """One engine of the pool; Ray Data calls it with the number of a batch."""

    def __init__(self, open_engine: Callable[[Path], "Engine"], folder: Path, batches: Any, plan: SamplingPlan):
        import ray

        self._open = partial(open_engine, folder)
        self._engine: Engine | None = None
        self._batches: list[list[Request]] = ray.get(batches)
        self._plan = plan

    def __call__(self, batch: dict[str, Any]) -> pa.Table:
        """The batch's responses, or one row that says why there are none: Ray would wrap the error beyond reading."""
        try:
            self._engine = self._engine or self._open()
            responses = self._engine.sample(self._batches[int(batch["id"][0])], self._plan)
            rows = [vars(response) for response in responses]
        except MtpipeError as error:
            rows = [{"error": str(error)}]
        return pa.Table.from_pylist(rows, schema=_ROWS)


def _start_ray(workers: Workers) -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_worker_niceness", "0")  # Ray's 15 would let any other work on the machine go first
    try:
        import ray
    except ImportError as error:
        raise MtpipeError(f"params.yaml: ray.workers is {workers.count}, but Ray is missing: {INSTALL}") from error
    # Ray Data reads its own blocks with CPUs beside the workers'; without any to spare it would wait for ever.
    needed = workers.count * workers.cpus + 1
    size = {} if workers.address else {"num_cpus": max(needed, os.cpu_count() or 1), "include_dashboard": False}
    try:
        if workers.address:
            knock(workers.address)
        ray.init(address=workers.address or "local", log_to_driver=False, logging_level="ERROR", **size)
    except (OSError, RuntimeError, ValueError) as error:
        if workers.address is None:
            raise MtpipeError(
                f"params.yaml: ray.workers is {workers.count}, but Ray does not start here ({error}); "
                f"set ray.workers to null to sample without it"
            ) from error
        raise MtpipeError(
            f"params.yaml: ray.address is {workers.address!r}, where no cluster answers ({error}); give the host:port "
            f"that `ray start --head` names, auto for a cluster on this machine, or null to start one"
        ) from error
    found = ray.cluster_resources()
    for resource, count, wanted in (("CPU", needed, "cpus"), ("GPU", workers.count * workers.gpus, "gpus")):
        if found.get(resource, 0) < count:
            ray.shutdown()
            raise MtpipeError(
                f"params.yaml: ray.workers is {workers.count}, which needs {count} {wanted}; Ray has "
                f"{found.get(resource, 0):g}; lower ray.workers or compute.threads, or add machines"
            )
    return ray
