"""The few words of both servers' protocols that a launcher needs, over a Unix socket.

A server is ready when it answers, and asking must not need a driver: this runs before anything
else is configured.
"""

import socket
import struct
from pathlib import Path

PROTOCOL = 3 << 16


class Refused(Exception):
    """The server answered, and said no. `code` is its own."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


def query(path: Path, sql: str, *, user: str, database: str) -> list[tuple[str | None, ...]]:
    """One statement over PostgreSQL's simple protocol; the rows as text.

    Raises OSError when nobody answers, Refused when the server says no.
    """
    startup = b"".join(word.encode() + b"\0" for word in ("user", user, "database", database, ""))
    rows: list[tuple[str | None, ...]] = []
    asked = False
    with _connect(path) as stream:
        stream.sendall(struct.pack("!ii", len(startup) + 8, PROTOCOL) + startup)
        while True:
            kind, size = struct.unpack("!ci", _exactly(stream, 5))
            body = _exactly(stream, size - 4)
            if kind == b"E":
                raise _refusal(body)
            if kind == b"R" and body[:4] != bytes(4):
                raise Refused("28000", "the server asks for a password, ours never does")
            if kind == b"D":
                rows.append(_row(body))
            if kind == b"Z" and asked:
                stream.sendall(b"X" + struct.pack("!i", 4))
                return rows
            if kind == b"Z":
                statement = sql.encode() + b"\0"
                stream.sendall(b"Q" + struct.pack("!i", len(statement) + 4) + statement)
                asked = True


def command(path: Path, *words: str) -> str:
    """One Valkey command and its answer as text.

    Raises OSError when nobody answers, Refused when the server says no.
    """
    request = f"*{len(words)}\r\n" + "".join(f"${len(w.encode())}\r\n{w}\r\n" for w in words)
    with _connect(path) as stream:
        stream.sendall(request.encode())
        head = _line(stream)
        if head.startswith("-"):
            code, _, message = head[1:].partition(" ")
            raise Refused(code, message)
        if head.startswith("$"):
            return _exactly(stream, max(0, int(head[1:]))).decode(errors="replace")
        return head[1:]


def _connect(path: Path) -> socket.socket:
    stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    stream.settimeout(5)
    try:
        stream.connect(str(path))
    except OSError:
        stream.close()
        raise
    return stream


def _exactly(stream: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size:
        chunk = stream.recv(size - len(received))
        if not chunk:
            raise ConnectionResetError("the server hung up")
        received += chunk
    return received


def _line(stream: socket.socket) -> str:
    received = b""
    while not received.endswith(b"\r\n"):
        received += _exactly(stream, 1)
    return received[:-2].decode(errors="replace")


def _row(body: bytes) -> tuple[str | None, ...]:
    (count,) = struct.unpack_from("!h", body)
    at, values = 2, []
    for _ in range(count):
        (size,) = struct.unpack_from("!i", body, at)
        at += 4
        values.append(None if size < 0 else body[at : at + size].decode(errors="replace"))
        at += max(0, size)
    return tuple(values)


def _refusal(body: bytes) -> Refused:
    fields = {part[:1]: part[1:].decode(errors="replace") for part in body.split(b"\0") if part}
    return Refused(fields.get(b"C", "?????"), fields.get(b"M", "no message"))
