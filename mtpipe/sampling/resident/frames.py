"""A message as bytes: a fixed header, JSON, and arrays as they lie in memory.

    mtp1 | length of the JSON, 4 bytes | length of the arrays, 8 bytes | JSON | arrays

Lengths are big-endian. The JSON says how the arrays are divided: {"kind", "fields", "arrays": [[name, type, count]]}.
"""

import json
import socket
import struct
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

_MAGIC = b"mtp1"
_HEADER = struct.Struct(">4sIQ")
_TYPES = ("<i4", "<f8")
_LONGEST_JSON = 2**28
_LONGEST_ARRAYS = 2**33
_PIECE = 2**20
SECONDS_IN_A_FRAME = 60.0
"""How long the rest of a message may keep its reader waiting, once it has begun."""


class BrokenMessage(Exception):
    """What came is no message; the connection has to end."""


@dataclass(frozen=True)
class Message:
    """A kind, fields as JSON has them, and arrays of one dimension by name."""

    kind: str
    fields: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)


def send(connection: socket.socket, message: Message) -> None:
    """Raises OSError if the other side has gone."""
    arrays = {name: np.ascontiguousarray(values) for name, values in message.arrays.items()}
    listed = [[name, values.dtype.str, values.size] for name, values in arrays.items()]
    text = json.dumps({"kind": message.kind, "fields": message.fields, "arrays": listed}).encode()
    connection.settimeout(None)
    connection.sendall(_HEADER.pack(_MAGIC, len(text), sum(values.nbytes for values in arrays.values())) + text)
    for values in arrays.values():
        connection.sendall(values.tobytes())


def receive(connection: socket.socket, patience: float | None = None) -> Message | None:
    """The next message; None if the other side has ended the connection between two.

    Args:
        patience: seconds to wait for a message to begin; None: as long as it takes.

    Raises BrokenMessage for anything else than a message, and TimeoutError if none began or went on in time.
    """
    connection.settimeout(patience)
    first = connection.recv(1)
    if not first:
        return None
    connection.settimeout(SECONDS_IN_A_FRAME)
    magic, text_length, arrays_length = _HEADER.unpack(first + _read(connection, _HEADER.size - 1))
    if magic != _MAGIC or text_length > _LONGEST_JSON or arrays_length > _LONGEST_ARRAYS:
        raise BrokenMessage("no header of a message")
    text = _read(connection, text_length)
    kind, fields, listed = _parse(text)
    if sum(np.dtype(type_).itemsize * count for _, type_, count in listed) != arrays_length:
        raise BrokenMessage("the arrays are of another length than the message says")
    arrays = {}
    for name, type_, count in listed:
        arrays[name] = np.frombuffer(_read(connection, np.dtype(type_).itemsize * count), dtype=type_)
    return Message(kind, fields, arrays)


def peer(connection: socket.socket) -> tuple[int, int]:
    """The process and the user on the other side of a Unix socket, as the kernel knows them."""
    found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    process, user, _ = struct.unpack("3i", found)
    return process, user


def _read(connection: socket.socket, length: int) -> bytes:
    """Takes memory for what has come, never for what was only announced."""
    found = bytearray()
    while len(found) < length:
        piece = connection.recv(min(_PIECE, length - len(found)))
        if not piece:
            raise BrokenMessage("the connection ended within a message")
        found += piece
    return bytes(found)


def _parse(text: bytes) -> tuple[str, dict[str, Any], list[tuple[str, str, int]]]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BrokenMessage(f"no JSON: {error}") from None
    if not isinstance(found, dict) or found.keys() != {"kind", "fields", "arrays"}:
        raise BrokenMessage("other keys than a message has")
    kind, fields, listed = found["kind"], found["fields"], found["arrays"]
    if not isinstance(kind, str) or not isinstance(fields, dict) or not isinstance(listed, list):
        raise BrokenMessage("other types than a message has")
    for each in listed:
        match each:
            case [str(), str(type_), int(count)] if type_ in _TYPES and type(count) is int and count >= 0:
                pass
            case _:
                raise BrokenMessage("an array without name, type and length")
    return kind, fields, [tuple(each) for each in listed]
