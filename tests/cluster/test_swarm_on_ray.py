"""What only real processes can show: death, isolation, quiet. One Ray for all tests here."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stigmergy.protocols import DeliveryError, HandlerFailed, Resources
from stigmergy.runtime import Plant, Swarm
from tests.cluster.nodes import children
from tests.runtime.cast import Alone, Diary, Echo, Fickle, Heard, Killer, Payer, Relay, Say
from tests.runtime.test_hard_cases import Careless, Order

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("ray_session")]


async def test_the_same_classes_run_on_ray(tmp_path):
    async with Swarm(journal=tmp_path) as swarm:
        for kind in (Echo, Relay, Diary, Fickle, Payer):
            swarm.add(kind)
        heard = await asyncio.gather(*(swarm.ask("relay", Say(text="skill:echo"), reply=Heard) for _ in range(50)))
        assert {h.text for h in heard} == {"relayed!"}
        assert (await swarm.ask("fickle/one", Say(text="a", n=3), reply=Heard)).text == "attempt 3"
        paid = await swarm.ask("payer", Say(text=str(tmp_path / "payments"), n=2), reply=Heard)
        assert paid.n == 1
        for number in range(100):
            await swarm.tell("diary/one", Say(text=str(number)))
        assert (await swarm.ask("diary/one", Heard(text=""), reply=Heard)).n == 100


def test_ray_starts_nothing_that_nobody_uses():
    commands = [Path(f"/proc/{pid}/cmdline").read_text() for pid in children(os.getpid())]
    assert any("raylet" in command for command in commands)
    assert [command for command in commands if "monitor.py" in command or "dashboard.py" in command] == []


async def test_a_killed_host_is_replaced_and_its_messages_are_handled_once(tmp_path):
    events = []
    plant = Plant(hosts=2)
    async with Swarm(journal=tmp_path, plant=plant, on_event=lambda n, d: events.append((n, d))) as swarm:
        swarm.add(Killer, pool=4)
        swarm.add(Diary)
        for number in range(20):
            await swarm.tell("diary/one", Say(text=str(number)))
        heard = await swarm.ask("killer", Say(text="die once"), reply=Heard)
        assert heard.text == "alive at attempt 2"
        for number in range(20, 40):
            await swarm.tell("diary/one", Say(text=str(number)))
        diary = await swarm.ask("diary/one", Heard(text=""), reply=Heard)
        assert diary.text == ",".join(map(str, range(40)))
        assert [name for name, _ in events].count("host_lost") == 1


async def test_a_message_that_kills_its_process_is_buried_and_its_neighbours_live(tmp_path):
    async with Swarm(journal=tmp_path, plant=Plant(hosts=1)) as swarm:
        swarm.add(Killer, attempts=2)
        swarm.add(Echo)
        neighbours = [asyncio.ensure_future(swarm.ask(f"echo/{n}", Say(text="hi"), reply=Heard)) for n in range(20)]
        with pytest.raises(DeliveryError, match="killed its host"):
            await swarm.ask("killer/one", Say(text="die"), reply=Heard, timeout_s=60)
        assert [(await n).text for n in neighbours] == ["hi!"] * 20
        assert (await swarm.report()).dead_letters == {"killed its host": 1}


async def test_a_handler_that_raises_what_a_terminal_sends_fails_its_turn_and_its_host_goes_on(tmp_path):
    async with Swarm(journal=tmp_path, plant=Plant(hosts=1)) as swarm:
        swarm.add(Careless)
        with pytest.raises(HandlerFailed, match="KeyboardInterrupt"):
            await swarm.ask("careless", Order(text="interrupt"), reply=Order, timeout_s=20)
        assert (await swarm.report()).dead_letters == {"handler failed": 1}


async def test_a_kind_that_asks_for_its_own_process_gets_one_per_agent(tmp_path):
    async with Swarm(journal=tmp_path, plant=Plant(hosts=1)) as swarm:
        swarm.add(Alone, resources=Resources(own_process=True))
        swarm.add(Killer)
        alone = [await swarm.ask(f"alone/{key}", Say(text="?"), reply=Heard, timeout_s=30) for key in "ab"]
        shared = await swarm.ask("killer", Say(text="live"), reply=Heard)
        assert [heard.text for heard in alone] == ["alone/a", "alone/b"]
        assert len({alone[0].n, alone[1].n, shared.n, os.getpid()}) == 4


def test_a_script_that_defines_its_own_agents_runs_and_prints_nothing_of_rays(tmp_path):
    script = tmp_path / "mine.py"
    script.write_text(
        "import asyncio, json\n"
        "from stigmergy.protocols import Message\n"
        "from stigmergy.runtime import Agent, Context, Swarm, handles\n"
        "class Ping(Message):\n    n: int\n"
        "class Adder(Agent):\n"
        "    @handles\n"
        "    def add(self, ping: Ping, ctx: Context) -> Ping:\n        return Ping(n=ping.n + 1)\n"
        "async def main():\n"
        "    async with Swarm() as swarm:\n"
        "        swarm.add(Adder)\n"
        "        print(json.dumps((await swarm.ask('adder', Ping(n=1), reply=Ping)).n))\n"
        "if __name__ == '__main__':\n    asyncio.run(main())\n"
    )
    ran = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert (ran.returncode, json.loads(ran.stdout)) == (0, 2), ran.stderr
    assert ran.stderr == ""
