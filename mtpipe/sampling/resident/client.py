"""The engine that a stage sees: it hands requests to the process that keeps the real one, or to several such."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector

from mtpipe.devices import visible_devices
from mtpipe.errors import MtpipeError
from mtpipe.model.policy import Vocabulary, load_vocabulary, pick_device
from mtpipe.owner import EngineHome, Process
from mtpipe.records import Rollout
from mtpipe.sampling.drawing.requests import Request, SamplingPlan
from mtpipe.sampling.resident.carried import answered, asking
from mtpipe.sampling.resident.connection import Connection
from mtpipe.sampling.resident.device_turns import sampling_turn
from mtpipe.sampling.resident.frames import Message
from mtpipe.sampling.resident.reaching import connect, end
from mtpipe.sampling.resident.terms import terms_for
from mtpipe.settings.model import Compute
from mtpipe.settings.sampling import EngineSettings


class ResidentEngine:
    """The policy that other processes keep, as a sampling engine (`mtpipe.sampling.engine.Engine`).

    Of N processes each samples every N-th response. A token's random number depends on its own identity alone, so the
    responses are those of one process, up to what the size of its batch does to the rounding of logits.

    Attributes:
        processes: the numbers of those processes.
        loaded: whether one of them had to read the policy's weights; it need not if it had them already.
    """

    def __init__(
        self,
        folder: Path,
        settings: EngineSettings,
        compute: Compute,
        home: EngineHome,
        count: int = 1,
        stays: bool = True,
    ):
        """Connects to `count` engines of a home, and starts those that are missing.

        Args:
            stays: whether they outlive `close`, for the next stage.

        Raises MtpipeError if an engine does not start, with its words, or if there are too few devices for them.
        """
        self.vocabulary: Vocabulary = load_vocabulary(folder)
        self._folder = folder
        self._home = home
        self._stays = stays
        self._terms = terms_for(folder, settings, compute)
        self._devices = _devices(settings, compute, count)
        self._connections: list[Connection] = []
        self._turn = ExitStack()
        self.processes: list[int] = []
        self.loaded = False
        self._open()

    def load(self, folder: Path) -> None:
        """Goes on with the policy in another folder; raises MtpipeError if it is of another model."""
        vocabulary = load_vocabulary(folder)
        self._connect()
        self._ask(Message("load", {"folder": str(folder.resolve())}))
        self._folder, self.vocabulary = folder, vocabulary

    def sample(self, requests: Sequence[Request], plan: SamplingPlan) -> Iterator[Rollout]:
        """Samples one response to each request.

        Whoever does not take all of them ends the connections, and with them the rest of the work.
        """
        self._connect()
        try:
            with DefaultSelector() as at_work:
                for connection in self._connections:
                    if part := requests[connection.index :: len(self._connections)]:
                        connection.send(asking(part, plan))
                        at_work.register(connection, EVENT_READ, connection)
                while at_work.get_map():
                    for ready, _ in at_work.select():
                        answer = ready.data.answer()
                        if answer.kind == "rollouts":
                            yield from answered(answer)
                        else:
                            at_work.unregister(ready.fileobj)
        except BaseException:
            self._leave()
            raise

    def close(self) -> None:
        """Leaves the engines to the next stage, or ends them."""
        self._leave()
        if not self._stays:
            for number in self.processes:
                if server := Process.of(number):
                    end(server)

    def _leave(self) -> None:
        for connection in self._connections:
            connection.close()
        self._connections = []
        self._turn.close()

    def _connect(self) -> None:
        if not self._connections:
            self._open()

    def _open(self) -> None:
        self._turn.enter_context(sampling_turn(self._home))
        try:
            sockets = connect(self._home, self._terms, self._devices)
        except BaseException:
            self._leave()
            raise
        self._connections = [Connection(each, index, self._home.log(index)) for index, each in enumerate(sockets)]
        self.processes = [each.process for each in self._connections]
        answers = self._ask(Message("open", {"folder": str(self._folder.resolve())}))
        self.loaded = any(answer.fields["loaded"] for answer in answers)
        for connection, answer in zip(self._connections, answers, strict=True):
            if answer.fields["started"] and self._stays:
                print(
                    f"the sampling engine is process {connection.process} ({self._home.log(connection.index)}); it "
                    f"serves the following stages too and keeps {answer.fields['holds'] / 2**30:.1f} GiB of host "
                    f"memory between them",
                    file=sys.stderr,
                )

    def _ask(self, message: Message) -> list[Message]:
        """What each of them answers; if one refuses, all connections end, so that no answer is left for later."""
        try:
            for connection in self._connections:
                connection.send(message)
            return [connection.answer() for connection in self._connections]
        except BaseException:
            self._leave()
            raise


def _devices(settings: EngineSettings, compute: Compute, count: int) -> list[str | None]:
    """What each of so many engines sees of the machine's CUDA devices; None: all that this process sees."""
    if count == 1 or pick_device(compute).type != "cuda":
        return [None] * count
    there, each = visible_devices(), settings.vllm.tensor_parallel_size
    if len(there) < count * each:
        raise MtpipeError(
            f"params.yaml: sampling.vllm.data_parallel is {count}, with {each} devices for each engine "
            f"(tensor_parallel_size), and here are {len(there)}: {', '.join(there) or 'none'}"
        )
    return [",".join(there[index * each : (index + 1) * each]) for index in range(count)]
