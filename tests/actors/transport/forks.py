"""A program for `test_forks`: it says its door, and forks a child for whoever calls.

python forks.py
"""

from __future__ import annotations

import asyncio
import os
import signal

from stigmergy.actors.transport.doors import Home
from stigmergy.actors.transport.sockets import Listener
from stigmergy.protocols.codec import pack

HERE = Home("this machine", "127.0.0.1")


async def receive(data: bytes) -> bytes:
    """Whoever calls gets the number of a child that was forked for it, or waits for ever."""
    if data == b"wait":
        await asyncio.Event().wait()
    child = os.fork()
    if not child:
        signal.pause()
    return str(child).encode()


async def main() -> None:
    listener = Listener(receive, HERE)
    await listener.open()
    print(pack(listener.door).hex(), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
