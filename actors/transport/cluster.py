"""Starting and joining Ray, quietly and closed.

The settings are measured (Ray 2.60): without them Ray prints to stdout, opens unauthenticated ports,
takes 30 % of memory and follows ``uv run`` into a copied working directory.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from stigmergy.protocols.errors import UsageError

QUIET: Final = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    # Its handler for crashes takes SIGTERM, too: one that came while Ray started aborted the process.
    "RAY_DISABLE_FAILURE_SIGNAL_HANDLER": "1",
    "RAY_DEDUP_LOGS_SKIP_REGEX": "worker processes have been started|A worker died|node with node id"
    r"|Raylet is terminated|\(raylet\)|\[state-dump\]|^\s*$",
}

REACH_S: Final = 3.0
"""How long a head node may take to say a word."""

OBJECT_STORE_BYTES: Final = 100 * 2**20
"""Ray takes 30 % of memory by default; our messages are small."""


class Cluster:
    """A Ray session: one of our own on this machine, or one that was there before."""

    def __init__(self, address: str, cores: int) -> None:
        """``address``: ``local`` starts a session that ends with `stop`; anything else joins a cluster."""
        self._address = address
        self._cores = cores
        self._folder: Path | None = None
        self._joined = False
        self._placed = 0

    def start(self) -> None:
        """Start or join. Blocks for 3 to 6 s.

        SIGTERM that comes meanwhile is for who handles it, though Ray has a handler of its own. Raises: UsageError
        when there is no cluster at the address, or Ray does not come up here; what who handles SIGTERM raises.
        """
        if self._address not in {"local", "auto"}:
            check_head(self._address)
        fresh = "ray" not in sys.modules
        os.environ.update(QUIET)
        if fresh and self._address == "local":
            # Set before ray is imported: set later, its control service hangs for 20 s and fails (measured).
            os.environ.update({"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)})
        import ray

        if ray.is_initialized():
            self._joined = True
            return
        stop: Any = signal.getsignal(signal.SIGTERM)
        while not self._has_started(stop):
            stop(signal.SIGTERM, None)  # it was meant for this one, and Ray begins again

    def _has_started(self, stop: Any) -> bool:
        """Start or join; False when SIGTERM came meanwhile, and is for ``stop``. Raises: UsageError."""
        import ray

        try:
            with _without_extras():
                ray.init(**(self._local() if self._address == "local" else {"address": self._address}), **_COMMON)
        except Exception as why:  # Ray raises plain ones, too
            self._clean()
            raise UsageError(self._wording(str(why).strip().splitlines())) from why
        except SystemExit:  # by Ray's own handler of SIGTERM
            if not callable(stop):
                raise
            ray.shutdown()
            self._clean()
            return False
        finally:
            self._give_back(stop)
        return True

    def _wording(self, said: list[str]) -> str:
        """Why there is no Ray, and what to do."""
        text = said[0][:200].rstrip(".") if said else "it does not say why"
        if self._address == "local":
            return f"Ray did not start on this machine: {text}; if it is just busy, try again, or take the local engine"
        return (
            f"cannot join a Ray cluster at {self._address!r}: {text}; check --address and, if the cluster wants a "
            "token, RAY_AUTH_MODE=token and RAY_AUTH_TOKEN; or leave --address out to run here"
        )

    @staticmethod
    def _give_back(stop: Any) -> None:
        """Let who handled SIGTERM before handle it again."""
        if callable(stop) and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, stop)

    def stop(self) -> None:
        """Leave; a session of our own ends."""
        import ray

        if not self._joined:
            ray.shutdown()
        self._clean()

    def here(self) -> str:
        """The id of this driver's node."""
        import ray

        node: str = ray.get_runtime_context().get_node_id()
        return node

    def next_node(self) -> str:
        """The id of the next living node in turn, this driver's first.

        What asks for no CPUs Ray puts anywhere, in 1 of 3 tries all on one node (measured); so we take turns.
        """
        import ray

        here = self.here()
        nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call] # it publishes none
        living = sorted((n["NodeID"] for n in nodes if n["Alive"]), key=lambda node: (node != here, node))
        self._placed += 1
        return str(living[(self._placed - 1) % len(living)])

    def _local(self) -> dict[str, Any]:
        _sweep()
        # Short, because socket paths end at 107 bytes; private, because Ray makes its own folders 0777.
        self._folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
        return {
            "address": "local",
            "num_cpus": self._cores,
            "num_gpus": 0,
            "object_store_memory": OBJECT_STORE_BYTES,
            "_temp_dir": str(self._folder),
        }

    def _clean(self) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None


_COMMON: Final[dict[str, Any]] = {
    "include_dashboard": False,
    "log_to_driver": False,
    "logging_level": "ERROR",
    "configure_logging": False,
}

_PREFIX: Final = "stig-"


@contextmanager
def _without_extras() -> Iterator[None]:
    """Have a session of our own start without what nobody here uses: 3 of its 8 CPU-seconds (measured).

    The autoscaler, who sends logs to drivers, and the head of a dashboard that is switched off: Ray starts them all,
    and has no setting that says not to. Where it has other names for them, they start.
    """
    node: Any = None
    with suppress(ImportError, AttributeError):
        node = import_module("ray._private.node").Node
    extras = {name: getattr(node, name) for name in _EXTRAS if hasattr(node, name)}
    for name in extras:
        setattr(node, name, lambda *_args, **_named: None)
    try:
        yield
    finally:
        for name, start in extras.items():
            setattr(node, name, start)


_EXTRAS: Final = ("start_monitor", "start_log_monitor", "start_api_server")


def check_head(address: str) -> None:
    """Refuse a cluster that is not there; Ray itself tries for 204 s and then ends the process (measured).

    A head node speaks gRPC, so it answers HTTP/2's preface with a settings frame (RFC 9113, 3.4). Raises: UsageError.
    """
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdigit():
        raise UsageError(f"--address {address:.80} is no address: give auto, or host:port of the cluster's head node")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), REACH_S) as head:
            head.sendall(_PREFACE)
            heard = head.recv(len(_SETTINGS))
    except (OSError, OverflowError) as why:
        text = getattr(why, "strerror", None) or str(why)
        raise UsageError(f"--address {address:.80} does not answer ({text}): is the cluster up?") from None
    if heard[3:4] != _SETTINGS[3:4]:
        raise UsageError(f"--address {address:.80} is no head node of Ray: give the address that `ray start` printed")


_SETTINGS: Final = b"\0\0\0\4\0\0\0\0\0"
"""An empty frame of type 4."""

_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _SETTINGS


def _sweep() -> None:
    """Remove the session folders of drivers that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*-*"):
        pid = folder.name.removeprefix(_PREFIX).partition("-")[0]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists() and Path("/proc/self").exists():
            shutil.rmtree(folder, ignore_errors=True)
