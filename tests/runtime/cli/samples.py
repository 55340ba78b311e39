"""Apps for tests, as users write them."""

START = """
import asyncio, os, sys
from pathlib import Path
from typing import Literal
from pydantic import Field, SecretStr
from stigmergy.protocols import Message, Skill, StigmergyError, SwarmStopped, UsageError, skill
from stigmergy.runtime import Agent, App, Context, ModelSpec, Stage, handles
from stigmergy.runtime.app import Options, Outcome, Table
"""

NOTHING = (
    START
    + """
async def main(options, stage):
    return Outcome({"ok": True}, tables=(Table("done", ("what", "n"), (("things", "1,000"),)),), notes=("a note",))

app = App(name="nothing", summary="Does nothing", options=Options, main=main)
"""
)

ECHO = """
class Word(Message):
    text: str

class Echo(Agent):
    "Says it again"

    @handles
    def echo(self, word: Word) -> Word:
        return word
"""
"""An agent, and what it takes."""

SHOWS = (
    START
    + ECHO
    + """
async def main(options, stage):
    async with stage.swarm() as swarm:
        swarm.add(Echo)
        await swarm.ask("echo", Word(text="x"), reply=Word)
    table = Table("what it found", ("what", "n"), (("things", "1,000"),))
    return Outcome({"things": 1_000, "inside": {"a": 1}}, tables=(table,), notes=("a note",))

app = App(name="shows", summary="Shows a table", options=Options, main=main)
"""
)

DESK = (
    START
    + """
class Question(Message):
    text: str

class Answer(Message):
    text: str

class Note(Message):
    text: str

def brain(request):
    return "a short answer"

class Front(Agent):
    "Asks a librarian"

    @handles
    async def take(self, question: Question, ctx: Context) -> Answer:
        await ctx.run("stamp", lambda: 7)
        return await ctx.ask(skill("lookup"), question, reply=Answer)

class Librarian(Agent):
    "Answers, when it can"

    skills = [Skill(id="lookup", description="Finds it")]

    @handles
    async def look(self, question: Question, ctx: Context) -> Answer:
        if question.text == "broken":
            raise ValueError("the page is \\x1b[31mtorn")
        if question.text == "flaky" and ctx.attempt == 1:
            raise ValueError("the lamp went out")
        await ctx.model("writer", question.text)
        ctx.write(f"seen.{question.text}", {"by": str(ctx.me)})
        ctx.deposit("shelf", {question.text: 1.0})
        ctx.post("news", Note(text=question.text))
        return Answer(text=question.text.upper())

class Archivist(Agent):
    "Follows the news"

    topics = ["news"]

    @handles
    async def note(self, note: Note, ctx: Context) -> None:
        await ctx.facts.put("last", note.text)

class DeskOptions(Options):
    input: Path | None = Field(None, description="a file of questions")
    ask: list[str] = Field(["plain"], description="a question; may be repeated")
    mood: Literal["calm", "angry"] = Field("calm", description="how it is asked")
    limit: int = Field(10, ge=1, description="100 % at most")
    dry_run: bool = Field(False, description="ask nothing")
    api_key: str = ""

async def main(options, stage):
    if options.input is not None and not options.input.is_file():
        raise UsageError(f"--input {options.input} is not a file: give a text file")
    scripted = ("stigmergy.runtime.thinking:scripted", {"brain": f"{__name__}:brain"})
    writer = ModelSpec("claude-haiku-4-5", *scripted, count="bytes")
    answers, untouched, failed, reason = [], 0, 0, "done"
    async with stage.swarm(models={"writer": writer}) as swarm:
        for kind in (Front, Librarian, Archivist):
            swarm.add(kind)
        await swarm.trail("shelf").define(evaporation=0.1)
        for number, text in enumerate(options.ask):
            try:
                answers.append((await swarm.ask("front", Question(text=text), reply=Answer)).text)
            except SwarmStopped as stopped:
                untouched, reason = untouched + 1, stopped.reason
            except StigmergyError:
                failed += 1
            stage.progress(number + 1, len(options.ask), "questions")
    report = {"answers": answers, "untouched": untouched, "failed": failed, "dry_run": options.dry_run}
    rows = (("answered", str(len(answers))), ("untouched", str(untouched)), ("failed", str(failed)))
    return Outcome(report, (Table("desk", ("what", "n"), rows),), stop_reason=reason)

app = App(name="desk", summary="Answers questions", options=DeskOptions, main=main)
"""
)

NOISY = (
    START
    + """
class Word(Message):
    text: str

class Loud(Agent):
    "Prints while it works"

    @handles
    async def say(self, word: Word) -> Word:
        print("the agent prints", flush=True)
        os.write(1, b"the agent writes\\n")
        return word

async def fail():
    raise ValueError("nobody waits for me")

async def main(options, stage):
    print("the app prints")
    os.write(1, b"the app writes\\n")
    os.write(2, b"a library complains\\n")
    forgotten = asyncio.create_task(fail())
    async with stage.swarm() as swarm:
        swarm.add(Loud)
        await swarm.ask("loud", Word(text="x"), reply=Word)
    del forgotten
    return Outcome({"ok": True, "not a number": float("nan"), "path": Path("x")})

app = App(name="noisy", summary="Makes noise", options=Options, main=main)
"""
)

BUG = (
    START
    + """
async def main(options, stage):
    async with stage.swarm() as swarm:
        await swarm.trail("x").define()
        raise KeyError("ouch")

app = App(name="bug", summary="Has one", options=Options, main=main)
"""
)

STOPS = (
    START
    + """
class Reason(Options):
    reason: str

async def main(options, stage):
    async with stage.swarm() as swarm:
        await swarm.trail("x").define()
        await swarm.request("stop", [options.reason, f"because of {options.reason}"])
        raise SwarmStopped("stopped", options.reason)

app = App(name="stops", summary="Is stopped", options=Reason, main=main)
"""
)

WAITS = (
    START
    + """
class Word(Message):
    text: str

class Slow(Agent):
    "Never answers"

    @handles
    async def wait(self, word: Word) -> Word:
        await asyncio.Event().wait()

class Waits(Options):
    stubborn: bool = False

async def main(options, stage):
    async with stage.swarm() as swarm:
        swarm.add(Slow)
        asking = asyncio.ensure_future(swarm.ask("slow", Word(text="x"), reply=Word, timeout_s=600))
        while (await swarm.report()).messages < 1:
            await asyncio.sleep(0.001)
        stage.progress(1, 1, "waiting")
        try:
            await asking
        except SwarmStopped as stopped:
            if options.stubborn:
                await asyncio.Event().wait()
            return Outcome({"answered": 0}, stop_reason=stopped.reason)

app = App(name="waits", summary="Waits for ever", options=Waits, main=main)
"""
)

STARTS = (
    DESK
    + """
from stigmergy.runtime.engines import LocalEngine

desk = main

async def main(options, stage):
    async def start(_engine):
        stage.progress(1, 1, "starting")
        await asyncio.to_thread(Path("gate").read_text)

    LocalEngine.start = start  # as a Ray that takes long
    return await desk(options, stage)

app = App(name="starts", summary="Begins when somebody writes to the gate", options=DeskOptions, main=main)
"""
)

PAYS = (
    START
    + """
from pydantic import BaseModel
from stigmergy.runtime import Use, tool

class Credit(BaseModel):
    usd: float

@tool("read")
def look_up(call: Credit, use: Use) -> Credit:
    return call

@tool("idempotent")
def credit(call: Credit, use: Use) -> Credit:
    return call

class Claim(Message):
    usd: float

class Cashier(Agent):
    "Pays back"

    tools = [look_up, credit]

    @handles
    async def pay(self, claim: Claim, ctx: Context) -> Claim:
        await ctx.tool(look_up, Credit(usd=claim.usd))
        await ctx.tool(credit, Credit(usd=claim.usd))
        return claim

async def main(options, stage):
    async with stage.swarm() as swarm:
        swarm.add(Cashier)
        await swarm.ask("cashier", Claim(usd=2), reply=Claim)
        return Outcome({})

app = App(name="pays", summary="Pays back", options=Options, main=main)
"""
)
