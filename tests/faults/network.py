"""A bad line between the house and a server: bytes are late, the connection is cut, or nothing comes.

Listens on the loopback interface and passes everything on to a server's Unix socket, until told to
misbehave. What the kernel has taken from a sender before a cut is lost, as on a real line.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path


class Line(StrEnum):
    GOOD = "good"
    SLOW = "slow"  # each piece is late
    DEAF = "deaf"  # what is sent arrives; no answer comes back
    DOWN = "down"  # nobody takes a connection


@dataclass
class Proxy:
    port: int
    target: Path
    state: Line = Line.GOOD
    delay: float = 0.05
    cut_after_answers: int | None = None  # reset once so many pieces have come back
    _open: list[socket.socket] = field(default_factory=list)

    def reset(self) -> None:
        """Every connection ends with a reset, whatever is under way."""
        for each in self._open:
            with contextlib.suppress(OSError):
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            with contextlib.suppress(OSError):
                each.close()
        self._open.clear()

    def serve(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            if self.state is Line.DOWN:
                client.close()
                continue
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(str(self.target))
            except OSError:
                client.close()
                continue
            self._open += [client, server]
            for source, sink, back in ((client, server, False), (server, client, True)):
                threading.Thread(
                    target=self._pass_on, args=(source, sink, back), daemon=True
                ).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, back: bool) -> None:
        try:
            while piece := source.recv(65_536):
                if self.state is Line.SLOW:
                    time.sleep(self.delay)
                if back and self.state is Line.DEAF:
                    continue
                if back and self._is_cut():
                    self.reset()
                    return
                sink.sendall(piece)
        except OSError:
            pass
        for each in (source, sink):
            with contextlib.suppress(OSError):
                each.close()

    def _is_cut(self) -> bool:
        if self.cut_after_answers is None:
            return False
        self.cut_after_answers -= 1
        if self.cut_after_answers >= 0:
            return False
        self.cut_after_answers = None
        return True


@contextmanager
def line_to(target: Path) -> Iterator[Proxy]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy = Proxy(port=listener.getsockname()[1], target=target)
        threading.Thread(target=proxy.serve, args=(listener,), daemon=True).start()
        yield proxy
        proxy.reset()
