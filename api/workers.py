"""Several processes of the service behind one socket; one that dies is replaced."""

import multiprocessing
import signal
import socket
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess

from gis.errors import Unavailable

_STOP_S = 15.0
_SOON_S = 5.0
"""A process that ends so early did not start well."""
_MOST_FAILED = 3

Work = Callable[[socket.socket], None]


def run_workers(number: int, work: Work, listener: socket.socket) -> None:
    """Run so many processes until told to stop; each calls ``work`` with the shared listening socket.

    Raises:
        Unavailable: ``server.workers_fail`` when they end as soon as they start.
    """
    context = multiprocessing.get_context("spawn")

    def begin() -> tuple[SpawnProcess, float]:
        process = context.Process(target=_work, args=(work, listener))
        process.start()
        return process, time.monotonic()

    running = [begin() for _ in range(number)]
    failed = 0
    try:
        while True:
            wait([process.sentinel for process, _ in running])
            for place, (process, began) in enumerate(running):
                if process.is_alive():
                    continue
                failed = failed + 1 if time.monotonic() - began < _SOON_S else 0
                if failed > _MOST_FAILED:
                    raise Unavailable("server.workers_fail", "The processes end as soon as they start.", "See above.")
                sys.stderr.write(f"lifang: process {process.pid} ended with {process.exitcode}; another takes over\n")
                running[place] = begin()
    finally:
        _stop([process for process, _ in running])


def _stop(processes: list[SpawnProcess]) -> None:
    """Let all finish what they do; who does not in time is ended."""
    for process in processes:
        process.terminate()
    until = time.monotonic() + _STOP_S
    for process in processes:
        process.join(max(0.0, until - time.monotonic()))
        if process.is_alive():
            process.kill()


def _work(work: Work, listener: socket.socket) -> None:
    # A polite kill ends a process like Ctrl-C, so that its store is closed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        work(listener)
    except KeyboardInterrupt:
        return
