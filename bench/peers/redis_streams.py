"""Redis Streams: the same bytes as entries of one stream, as many to a write as we commit, and as durable.

`appendfsync always` syncs the file before it answers, once for all commands that came together
(https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/). The commands are made in advance and the
answers only counted, so no client library is in the way.
"""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Final

from bench.load import BODY_BYTES, POSTS_A_TURN, Load, Measure, Taken

START_S: Final = 10.0
OPTIONS: Final = ("--port", "0", "--appendonly", "yes", "--appendfsync", "always", "--save", "")


def command(*words: bytes) -> bytes:
    """As it goes over the wire: https://redis.io/docs/latest/develop/reference/protocol-spec/."""
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


BATCH: Final = command(b"XADD", b"bench", b"*", b"body", b"x" * BODY_BYTES) * POSTS_A_TURN


@asynccontextmanager
async def redis_streams(parent: Path, versions: dict[str, str]) -> AsyncIterator[Measure]:
    """A server on a socket in a new folder below ``parent``, which goes with it. Raises: RuntimeError without Redis."""
    program = shutil.which("redis-server")
    if program is None:
        raise RuntimeError("there is no Redis here: apt-get install redis-server")
    with tempfile.TemporaryDirectory(dir=parent) as folder, running(program, Path(folder)) as wire:
        answers = wire.makefile("rb")
        versions["redis"] = _version(wire, answers)

        def add(load: Load) -> Taken:
            batches = -(-load.operations // POSTS_A_TURN)
            began = time.perf_counter()
            for _ in range(batches):
                wire.sendall(BATCH)
                for _ in range(POSTS_A_TURN):
                    if not (said := answers.readline()).startswith(b"$"):
                        raise RuntimeError(f"Redis answered {said.decode()!r}")
                    answers.readline()  # the id of the entry, behind its length
            return Taken(batches * POSTS_A_TURN, time.perf_counter() - began)

        async def measure(load: Load) -> Taken:
            return await asyncio.to_thread(add, load)

        with answers:
            yield measure


@contextmanager
def running(program: str, folder: Path) -> Iterator[socket.socket]:
    """A server that keeps its files in ``folder``, and a connection to it."""
    place = folder / "socket"
    command = [program, *OPTIONS, "--dir", str(folder), "--unixsocket", str(place), "--logfile", str(folder / "log")]
    with subprocess.Popen(command) as server, socket.socket(socket.AF_UNIX) as wire:  # noqa: S603 - our own command
        try:
            until = time.monotonic() + START_S
            while wire.connect_ex(str(place)):
                if server.poll() is not None or time.monotonic() > until:
                    raise RuntimeError("redis-server does not start")
                time.sleep(0.05)
            yield wire
        finally:
            server.terminate()


def _version(wire: socket.socket, answers: BufferedReader) -> str:
    wire.sendall(command(b"INFO", b"server"))
    length = int(answers.readline()[1:])
    said = answers.read(length + 2).decode()
    return next(line.partition(":")[2] for line in said.splitlines() if line.startswith("redis_version:"))
