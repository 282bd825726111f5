"""What goes over a resident engine's socket arrives as it was, and what is no message is refused."""

import random
import socket
import struct
import threading
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rule_examples import EXAMPLES

from mtpipe.records import Rollout
from mtpipe.sampling.drawing.requests import Request, SamplingPlan
from mtpipe.sampling.resident.carried import answered, answering, asked_for, asking
from mtpipe.sampling.resident.frames import BrokenMessage, Message, receive, send
from mtpipe.temperature.mixed_cuts import MixedCuts
from mtpipe.temperature.rules import RULES
from mtpipe.temperature.truncation import Truncation

TOKENS = st.lists(st.integers(0, 2**31 - 1), max_size=5)
FLOATS = st.lists(st.floats(), max_size=5)
ROLLOUTS = st.builds(
    Rollout,
    problem_id=st.text(st.characters(exclude_categories=["Cs"])),
    sample=st.integers(0, 9),
    base_temperature=st.floats(0.1, 2.0),
    prompt_ids=TOKENS,
    response_ids=TOKENS,
    behaviour_logprobs=FLOATS,
    temperatures=FLOATS,
    entropies=FLOATS,
    mask_sizes=st.lists(st.integers(-(2**31), 2**31 - 1), max_size=5),
    mask_ids=TOKENS,
    finish_reason=st.sampled_from(["stop", "length"]),
    even_from=st.integers(-1, 9),
)


def carried(message: Message) -> Message | None:
    """As the other side receives it."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        sending = threading.Thread(target=send, args=(ours, message))
        sending.start()
        found = receive(theirs, 5)
        sending.join()
        return found


def received(raw: bytes) -> Message | None:
    ours, theirs = socket.socketpair()
    with theirs:
        with ours:
            ours.sendall(raw)
        return receive(theirs, 5)


@pytest.mark.slow
@given(st.lists(ROLLOUTS, max_size=4))
def test_rollouts_arrive_to_the_last_bit(rollouts):
    assert list(map(repr, answered(carried(answering(rollouts))))) == list(map(repr, rollouts))


def test_requests_of_every_rule_arrive_as_they_were():
    rules = [
        RULES[kind].model_validate({"kind": kind, **settings}).resolve(1.1, 0).frozen(lambda quantile: quantile)
        for kind, settings in EXAMPLES.items()
    ]
    requests = [
        Request(f"p{index}", index % 3, [index, 7], 0.1 + index / 3, rule, index % 2 == 0)
        for index, rule in enumerate(rules)
    ]
    plan = SamplingPlan(3, "round 1", 40, 16, Truncation(top_p=0.9, top_n_sigma=1.5), True, ("\n", "é"))
    for asked in (plan, replace(plan, mixed_cuts=MixedCuts(share=0.25, top_k=3))):
        assert asked_for(carried(asking(requests * 2, asked))) == (requests * 2, asked)


def frame(text: bytes, arrays: bytes = b"", magic: bytes = b"mtp1", length: int | None = None) -> bytes:
    return struct.pack(">4sIQ", magic, len(text), len(arrays) if length is None else length) + text + arrays


@pytest.mark.parametrize(
    "raw",
    [
        b"m",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        frame(b"{}", magic=b"mtp2"),
        frame(b'{"kind": "open", "fields": {}, "arrays": []}')[:-3],
        frame(b'{"kind": "open", "fields": {}, "arrays": []}', length=2**62),
        struct.pack(">4sIQ", b"mtp1", 2**32 - 1, 0) + b"x" * 100,
        frame(b"[" * 200_000),
        frame(b'{"kind": 1, "fields": {}, "arrays": []}'),
        frame(b'{"kind": "open", "fields": [], "arrays": []}'),
        frame(b'{"kind": "open", "fields": {}, "arrays": [["a", "|O8", 1]]}', b"x" * 8),
        frame(b'{"kind": "open", "fields": {}, "arrays": [["a", "<i4", -1], ["b", "<i4", 2]]}', b"x" * 4),
        frame(b'{"kind": "open", "fields": {}, "arrays": [["a", "<i4", true]]}', b"x" * 4),
        frame(b'{"kind": "open", "fields": {}, "arrays": [["a", "<i4", 3]]}', b"x" * 8),
        frame(b'{"kind": "open", "fields": {}, "arrays": [["a", "<i4", 3]]}', b"x" * 8, length=12),
    ],
)
def test_what_is_no_message_is_refused(raw):
    with pytest.raises(BrokenMessage):
        received(raw)


def test_a_connection_that_ends_between_messages_is_no_fault():
    assert received(b"") is None


def test_an_array_that_was_only_announced_takes_no_memory():
    """Its length is allowed; without a limit on what is taken at once this would ask for eight gigabytes."""
    text = b'{"kind": "open", "fields": {}, "arrays": [["a", "<i4", 2147483648]]}'
    with pytest.raises(BrokenMessage, match="ended within"):
        received(frame(text, length=2**33))


def test_random_bytes_are_refused_or_are_a_message_and_nothing_else():
    drawn = random.Random(0)
    real = frame(b'{"kind": "open", "fields": {"folder": "a"}, "arrays": [["a", "<i4", 2]]}', b"12345678")
    for _ in range(300):
        raw = bytearray(real)
        for _ in range(drawn.randint(1, 4)):
            raw[drawn.randrange(len(raw))] = drawn.randrange(256)
        try:
            found = received(bytes(raw[: drawn.randint(1, len(raw))]))
        except BrokenMessage:
            continue
        assert isinstance(found, Message)


@pytest.mark.parametrize(
    ("fields", "arrays"),
    [
        ({"bases": ["warm"]}, {}),
        ({"rules": [{"kind": "uniform", "temperature": -1}]}, {}),
        ({"rules": [{"kind": "no_such_rule"}]}, {}),
        ({"plan": {"seed": 1}}, {}),
        ({"samples": []}, {}),
        ({}, {"rule_of": np.array([-1], dtype="<i4")}),
        ({}, {"rule_of": np.array([7], dtype="<i4")}),
        ({}, {"prompt_ids.lengths": np.array([-1, 4], dtype="<i4")}),
        ({}, {"prompt_ids.lengths": np.array([9], dtype="<i4")}),
    ],
)
def test_requests_with_wrong_values_are_refused(fields, arrays):
    rule = RULES["uniform"].model_validate({"kind": "uniform"}).resolve(1.0, 0)
    message = asking([Request("p", 0, [1, 2, 3], 1.0, rule)], SamplingPlan(1, "round 0", 4, 4))
    with pytest.raises(BrokenMessage):
        asked_for(Message("sample", message.fields | fields, message.arrays | arrays))
