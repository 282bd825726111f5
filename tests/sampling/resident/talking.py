"""What a stage says to a resident engine's server, also by hand."""

import os
import socket

from mtpipe.errors import MtpipeError
from mtpipe.owner import Process, project_name
from mtpipe.sampling.drawing.requests import Request, SamplingPlan
from mtpipe.sampling.resident.frames import Message
from mtpipe.temperature.rules.uniform import ResolvedUniform

REQUESTS = [Request(f"p{index}", 0, [1, 2, index], 1.0, ResolvedUniform(temperature=1.0)) for index in range(600)]
PLAN = SamplingPlan(1, "round 0", max_new_tokens=8, batch_size=8)


def raw(owned) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(owned))
    return connection


def hello(**changes) -> Message:
    mine = {"owner": str(Process.of(os.getpid())), "project": project_name(), "terms": ""}
    return Message("hello", mine | changes)


def refuse(*arguments):
    """In the place of an engine's method."""
    raise MtpipeError("the prompt is too long")
