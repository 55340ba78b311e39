"""Command lines and scripts in processes of their own, each forked from one that has imported everything by then."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Self, TextIO

LIMIT_S = 60
"""Nothing here takes so long, unless it hangs; then it is killed, and its test sees that."""

FORKER = """
import atexit, gc, json, os, runpy, signal, socket, sys, threading, warnings
from stigmergy.actors.journal.sqlite import SqliteJournal
from stigmergy.runtime.cli import main
from stigmergy.runtime.cli import resume  # imported once, for all that are forked

def begin(cwd, words, env, at=0, strict=False):
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    if at:
        die_at(at)
    if strict:
        warnings.simplefilter("error")
    if words[0].endswith(".py"):
        sys.argv[:] = words
        runpy.run_path(os.path.abspath(words[0]), run_name="__main__")
        code = 0
    else:
        code = main(words)
    if strict:
        sys.exit(code)
    leave(code)

def leave(code):
    # As the interpreter does, but for taking everything apart: that took longer than most of what is done here.
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)

def die_at(at):
    append = SqliteJournal.append

    def append_and_die(self, batch, when, epoch):
        if 0 < -at <= self.last_seq + len(batch):
            os.kill(os.getpid(), signal.SIGKILL)  # before the commit
        done = append(self, batch, when, epoch)
        if 0 < at <= done:
            os.kill(os.getpid(), signal.SIGKILL)  # after it, before anybody was told
        return done

    SqliteJournal.append = append_and_die

orders = socket.socket(fileno=int(sys.argv[1]))
gc.freeze()
while True:
    order, pipes, _, _ = socket.recv_fds(orders, 1 << 20, 2)
    while order and not order.endswith(b"\\n"):
        order += orders.recv(1 << 20)
    if not order:
        break
    order = json.loads(order)
    child = os.fork()
    if not child:
        orders.close()
        for number, pipe in enumerate(pipes, 1):
            os.dup2(pipe, number)
            os.close(pipe)
        begin(**order)
    for pipe in pipes:
        os.close(pipe)
    orders.sendall(b"%d\\n" % child)
    orders.sendall(b"%d\\n" % os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


class Forked:
    """A command line that runs: what its tests use of ``subprocess.Popen``."""

    def __init__(self, pid: int, stdout: TextIO, stderr: TextIO, told: TextIO) -> None:
        self.stdout, self.stderr = stdout, stderr
        self.returncode: int | None = None
        self._pid, self._told = pid, told
        self._limit = threading.Timer(LIMIT_S, self.kill)
        self._limit.daemon = True
        self._limit.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self.wait()
        self._limit.cancel()
        self.stdout.close()
        self.stderr.close()

    def send_signal(self, number: int) -> None:
        os.kill(self._pid, number)

    def kill(self) -> None:
        if self.returncode is None:
            with suppress(ProcessLookupError):
                self.send_signal(signal.SIGKILL)

    def wait(self) -> int:
        if self.returncode is None:
            self.returncode = int(self._told.readline())
        return self.returncode

    def communicate(self) -> tuple[str, str]:
        """What it still prints, once it has ended."""
        said = self.stdout.read(), self.stderr.read()
        self.wait()
        return said


class Forker:
    """The process that forks them, one after the other."""

    def __init__(self) -> None:
        self._orders, theirs = socket.socketpair()
        self._told = self._orders.makefile("r")
        with theirs:
            command = [sys.executable, "-c", FORKER, str(theirs.fileno())]
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()])

    def start(
        self, place: Path, words: Iterable[object], *, env: dict[str, str] | None = None, **how: object
    ) -> Forked:
        """Begin a command line there, or a script, which is a .py file, in an environment like ours.

        With ``at`` it kills itself when its journal has so many entries; -n: just before that. With ``strict`` its
        warnings are errors.
        """
        told = {"cwd": str(place), "words": [str(word) for word in words], "env": dict(os.environ), **how}
        out, err = os.pipe(), os.pipe()
        socket.send_fds(self._orders, [json.dumps(told).encode() + b"\n"], [out[1], err[1]])
        os.close(out[1])
        os.close(err[1])
        return Forked(int(self._told.readline()), open(out[0]), open(err[0]), self._told)

    def close(self) -> None:
        self._told.close()
        self._orders.close()
        self._process.wait()
