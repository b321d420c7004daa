"""Keeps a few child processes running: the web server, the workers and the clock of the demo.

Standard library only. In production an init system does this; here one command must be enough.
"""

import contextlib
import ctypes
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self, TypeVar

T = TypeVar("T")

PR_SET_PDEATHSIG = 1
POLL_SECONDS = 0.05
FIRST_DELAY = 0.2  # before a restart; doubles each time
LONGEST_DELAY = 10.0
STEADY_SECONDS = 20.0  # alive this long, a child has earned a short delay again

# Loaded before any fork: the child between fork and exec may only do what cannot block.
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class UnknownChild(KeyError):
    """No child of that name was started."""


@dataclass(slots=True)
class _Child:
    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] | None
    log: Path
    process: "subprocess.Popen[bytes] | None" = None
    starts: int = 0
    failures: int = 0  # in a row
    started_at: float = 0.0
    due_at: float = 0.0  # when to start it again


class Supervisor:
    """Starts named children, starts them again when they exit, and ends them all together.

    Only its own thread starts processes. Linux sends the parent-death signal when the *thread*
    that started a child ends, so a child started from a passing thread would die with it.
    """

    def __init__(self, log: Path, *, grace_seconds: float = 15.0) -> None:
        """Each child writes to `log`/name.log. Grace is what SIGTERM gets before SIGKILL."""
        self._log = log
        self._grace = grace_seconds
        self._children: dict[str, _Child] = {}
        self._orders: queue.Queue[Callable[[], None]] = queue.Queue()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="supervisor", daemon=True)
        self._handlers: dict[signal.Signals, Any] = {}  # what they were before us
        log.mkdir(parents=True, exist_ok=True)
        self._thread.start()

    def __enter__(self) -> Self:
        """Takes over SIGINT and SIGTERM when in the main thread: both leave the block in order."""
        if threading.current_thread() is threading.main_thread():
            # SIGINT too: a shell that runs us in the background has switched it off.
            for number, handler in (
                (signal.SIGINT, signal.default_int_handler),
                (signal.SIGTERM, _exit_on_signal),
            ):
                self._handlers[number] = signal.signal(number, handler)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number in self._handlers:  # a second Ctrl-C must not leave half of them running
            signal.signal(number, signal.SIG_IGN)
        try:
            self.stop()
        finally:
            for number, handler in self._handlers.items():
                signal.signal(number, handler)
            self._handlers.clear()

    def start(
        self, name: str, argv: Sequence[str | Path], *, env: Mapping[str, str] | None = None
    ) -> int:
        """Start a child that is kept running; its process id. `env` replaces ours if given."""
        child = _Child(name, tuple(map(str, argv)), env, self._log / f"{name}.log")
        return self._order(lambda: self._add(child))

    def pid(self, name: str) -> int | None:
        """The child's process id; None between an exit and the restart."""
        return self._order(lambda: _living_pid(self._child(name)))

    def starts(self, name: str) -> int:
        """How often the child was started; one means it never exited."""
        return self._order(lambda: self._child(name).starts)

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Send the child a signal, as a fault would. What it does next is its own affair."""
        self._order(lambda: _signal(self._child(name), number))

    def restart(self, name: str) -> int:
        """End the child in order and start it again without delay; the new process id."""
        return self._order(lambda: self._again(self._child(name)))

    def wait(self, seconds: float | None = None) -> bool:
        """Block until `stop` or a signal; True when stopped, False when the time is over."""
        return self._closing.wait(seconds)

    def stop(self) -> None:
        """End all children: SIGTERM, then SIGKILL after the grace. Twice is the same as once."""
        self._closing.set()
        self._thread.join()

    def _order(self, work: Callable[[], T]) -> T:
        """Have the supervisor's thread do it, and hand back what came of it."""
        if self._closing.is_set():
            raise RuntimeError("the supervisor has stopped")
        answer: Future[T] = Future()
        self._orders.put(lambda: _fulfil(answer, work))
        while True:
            try:
                return answer.result(timeout=1)
            except TimeoutError:
                if not answer.done() and not self._thread.is_alive():
                    raise RuntimeError("the supervisor has stopped") from None

    def _watch(self) -> None:
        while not self._closing.is_set():
            with contextlib.suppress(queue.Empty):
                self._orders.get(timeout=POLL_SECONDS)()
            now = time.monotonic()
            for child in self._children.values():
                if child.process is not None and child.process.poll() is not None:
                    self._bury(child, now)
                if child.process is None and child.due_at <= now:
                    self._revive(child)
        _end(self._children.values(), within=self._grace)

    def _add(self, child: _Child) -> int:
        if child.name in self._children:
            raise ValueError(f"{child.name} is already running")
        pid = _spawn(child)
        self._children[child.name] = child
        return pid

    def _again(self, child: _Child) -> int:
        _end([child], within=self._grace)
        child.failures = 0
        return _spawn(child)

    def _bury(self, child: _Child, now: float) -> None:
        assert child.process is not None
        # Its own children may live on: a pool whose head is gone would work beside the new one.
        _kill_group(child.process)
        if now - child.started_at > STEADY_SECONDS:
            child.failures = 0
        child.due_at = now + min(LONGEST_DELAY, FIRST_DELAY * 2**child.failures)
        child.failures += 1
        _note(child, f"exited with {child.process.returncode}")
        child.process = None

    def _revive(self, child: _Child) -> None:
        try:
            _spawn(child)
        except OSError as error:  # the program may be back in a moment: an upgrade, a full table
            child.due_at = time.monotonic() + LONGEST_DELAY
            _note(child, f"cannot be started: {error}")

    def _child(self, name: str) -> _Child:
        try:
            return self._children[name]
        except KeyError:
            raise UnknownChild(name) from None


def _fulfil(answer: "Future[T]", work: Callable[[], T]) -> None:
    try:
        answer.set_result(work())
    except Exception as error:  # noqa: BLE001  handed to whoever gave the order, who raises it
        answer.set_exception(error)


def _spawn(child: _Child) -> int:
    with child.log.open("ab") as sink:
        # A session of its own: Ctrl-C reaches us alone, and the whole group can be ended at once.
        child.process = subprocess.Popen(  # noqa: S603  our own command lines, no shell
            child.argv,
            env=child.env,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_die_with(os.getpid()),  # noqa: PLW1509  only system calls are made there
        )
    child.starts += 1
    child.started_at = time.monotonic()
    return child.process.pid


def _die_with(parent: int) -> Callable[[], None] | None:
    """Ask Linux to send SIGTERM when we die: nobody runs our clean-up after kill -9."""
    libc = _libc
    if libc is None:
        return None

    def ask() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:  # we died before the child could ask
            os._exit(1)

    return ask


def _end(children: Iterable[_Child], *, within: float) -> None:
    # Only the head of a group gets SIGTERM: a worker finishes its task before it ends its pool.
    running = [child.process for child in children if child.process is not None]
    for process in running:
        process.terminate()
    deadline = time.monotonic() + within
    for process in running:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=max(0.0, deadline - time.monotonic()))
        _kill_group(process)
        process.wait()


def _kill_group(process: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _signal(child: _Child, number: signal.Signals) -> None:
    if child.process is not None:
        child.process.send_signal(number)


def _living_pid(child: _Child) -> int | None:
    if child.process is None or child.process.poll() is not None:
        return None
    return child.process.pid


def _note(child: _Child, what: str) -> None:
    with child.log.open("a") as sink:
        sink.write(f"supervisor: {child.name} {what}\n")


def _exit_on_signal(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
