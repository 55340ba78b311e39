"""``stigmergy trace``: one conversation as a tree, from the journal."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from typing import Any, Final

from rich.text import Text

from stigmergy.protocols.codec import unpack, unpack_body
from stigmergy.protocols.envelope import Envelope
from stigmergy.protocols.errors import WireError

from ..history.conversation import Call, Conversation, Node
from ..history.figures import cost_to_plain
from ..history.talks import Search, Talk
from ..history.tree import Branch, branches
from .arguments import Parser, refuse
from .events import verdict_line
from .finding import add_run, find_run, opened
from .records import plain
from .render import console_for
from .text import clean, counted, cut, duration, first_line, short, usd

MOST_LEVELS: Final = 12
"""Levels that are drawn; what lies deeper stands at the last one, with its depth."""

BODY: Final = 100
"""Characters of a body that are shown; ``--json`` has all of it."""

ID: Final = 12
"""Characters of an id that are shown."""


def trace(argv: Sequence[str]) -> int:
    """Show a conversation; returns the exit code. Raises: UsageError."""
    parser = Parser("stigmergy trace", "Shows one conversation as a tree: every message below the one that caused it.")
    add_run(parser)
    parser.add_argument(
        "conversation", metavar="CONVERSATION", nargs="?", help="its id or one of its messages', or a beginning of it"
    )
    parser.add_argument("--largest", action="store_true", help="the conversation with the most messages")
    given = parser.parse_all(argv)
    if bool(given.conversation) == given.largest:
        refuse("say which conversation: its id or the beginning of it, the id of one of its messages, or --largest")
    run = find_run(given.run, given.runs)
    with opened(run, intact=given.intact) as journal:
        search = Search(given.conversation or "")
        for entry in journal.read():
            search.apply(entry)
        talk, message = (search.largest(), "") if given.largest else search.found()
        conversation = Conversation.of(talk.id, journal.read())
    if given.json:
        found = _plain(run.id, talk, conversation)
        sys.stdout.write(json.dumps(plain(found), ensure_ascii=False) + "\n")
        return 0
    console = console_for(sys.stdout)
    for line in _head(talk, conversation):
        console.print(line, soft_wrap=True)
    for branch in branches(conversation.nodes):
        for line in _drawn(branch, marked=bool(message) and branch.node.envelope.id.startswith(message)):
            console.print(line, no_wrap=True, overflow="ellipsis", soft_wrap=not console.is_terminal)
    return 0


def _head(talk: Talk, conversation: Conversation) -> Iterator[Text]:
    spent = conversation.spent
    tools = f"{counted(spent.tool_calls, 'tool call')}, " if spent.tool_calls else ""
    agents = {node.letter.agent for node in conversation.nodes.values() if node.letter and node.letter.agent}
    yield Text(f"conversation {talk.id}", style="bold")
    yield Text(
        f"{counted(talk.messages, 'message')}, {counted(len(agents), 'agent')}, {duration(talk.seconds)}; "
        f"{counted(spent.model_calls, 'model call')}, {tools}{counted(spent.tokens, 'token')}, "
        f"{usd(spent.nano_usd)} USD"
    )
    for verdict in conversation.verdicts:
        yield Text(f"watchdog: {verdict_line(verdict)}", style="red")
    yield Text("A message stands below the one whose turn sent it.", style="dim")
    yield Text("")


def _drawn(branch: Branch, *, marked: bool) -> Iterator[Text]:
    """A message with what became of it, and the lines that lead to it."""
    columns = ["   " if last else "│  " for last in branch.lasts[:MOST_LEVELS]]
    if branch.chained:
        here = "".join(columns) + "↳ "
    elif branch.lasts:
        here = "".join(columns[:-1]) + ("└─ " if branch.lasts[len(columns) - 1] else "├─ ")
    else:
        here = ""
    below = "".join(columns) + ("│  " if branch.has_children and len(branch.lasts) <= MOST_LEVELS else "   ")
    depth = f"({branch.depth} deep) " if len(branch.lasts) > MOST_LEVELS else ""
    title = _title(branch.node)
    if marked:
        title.stylize("reverse")
    yield Text(here, style="dim") + Text(depth, style="dim") + title
    for line in _details(branch.node):
        yield Text(below, style="dim") + line


def _title(node: Node) -> Text:
    e = node.envelope
    is_copy = node.letter is not None and e.mode == "post"
    to = f"topic {e.to}" if e.mode == "post" and node.letter is None else e.to
    verb = {"ask": "asks", "tell": "tells", "post": "posts to", "reply": "answers", "error": "answers"}[e.mode]
    text = Text()
    if is_copy:
        text.append(f"delivered to {clean(to)}")
    else:
        text.append(clean(e.sender), style="bold").append(f" {verb} ").append(clean(to), style="bold")
        text.append(f"  {clean(e.type)} ", style="cyan").append(body_of(e))
    return text.append(f"  {e.id[:ID]}{e.id[32:]}", style="dim")


def _details(node: Node) -> Iterator[Text]:
    yield from _outcome(node)
    letter = node.letter
    attempts = letter.attempts if letter else []
    for number, attempt in enumerate(attempts, 1):
        if attempt.error and (len(attempts) > 1 or attempt.lost):
            where = f"attempt {number} on {attempt.host} failed after {duration(attempt.ended - attempt.began)}"
            yield Text(f"{where}: {first_line(attempt.error)}", style="red")
    for step in node.steps:
        yield Text(f"ran {clean(step)}")
    for call in node.calls:
        yield Text(_call(call, len(attempts)), style="yellow")
    for change in node.changes:
        verb = "wrote fact" if change.part == "fact" else "laid on trail"
        yield Text(f"{verb} {clean(change.name)}: {short(change.value)}", style="magenta")


def _outcome(node: Node) -> Iterator[Text]:
    """What became of the message, in one line."""
    letter, dead = node.letter, node.refused
    if dead is not None:
        yield Text(f"refused, {dead.reason}: {first_line(dead.detail)}", style="red")
    if letter is None:
        return
    who = clean(letter.agent or letter.pool)
    tries = f" at attempt {len(letter.attempts)}" if len(letter.attempts) > 1 else ""
    took = f" after {duration(node.seconds)}{tries}" if node.seconds is not None else tries
    if letter.outcome == "dead":
        detail = first_line(letter.detail)
        yield Text(f"{who}: dead letter{took}, {letter.reason}: {detail}", style="red")
    elif letter.outcome == "done" and node.answer is not None and node.answer.mode == "reply":
        text = Text(f"{who} answered{took}: ", style="green")
        yield text.append(clean(node.answer.type), style="cyan").append(f" {body_of(node.answer)}", style="default")
    elif letter.outcome == "done":
        yield Text(f"{who} done{took}", style="green")
    else:
        host = f" on {letter.attempts[-1].host}" if letter.outcome == "running" else ""
        state = "waits for a person" if letter.held else letter.outcome
        yield Text(f"{who}: {state}{host}{tries}", style="yellow")
    if node.answer is not None and node.answer.mode == "error" and letter.outcome != "dead":
        yield Text(f"the asker got {clean(node.answer.type)}: {first_line(_said(node.answer))}", style="red")


def _call(call: Call, attempts: int) -> str:
    name = f"{call.what} {call.role or '?'}" + (f" ({call.model})" if call.model else "")
    attempt = f" at attempt {call.attempt}" if attempts > 1 else ""
    took = duration(call.ended - call.began) if call.ended else "open"
    spent = call.spent if call.outcome != "reserved" else call.worst
    cost = f"{counted(spent.tokens, 'token')}, {usd(spent.nano_usd)} USD"
    if call.what == "tool":
        doubt = {"forfeited": ": no result known", "reserved": ": no result yet"}
        return clean(f"{name}{attempt}, {took}{doubt.get(call.outcome, '')}")
    words = {
        "settled": cost,
        "released": "failed, cost nothing",
        "forfeited": f"no answer known, counted at its worst case: {cost}",
        "reserved": f"reserved: {cost}",
    }
    return clean(f"{name}{attempt}, {took}: {words[call.outcome]}")


def body_of(envelope: Envelope) -> str:
    """The body of a message in few characters."""
    return short(decoded(envelope), BODY)


def decoded(envelope: Envelope) -> Any:
    """The body of a message as plain data; bytes that are none stay bytes."""
    try:
        return unpack_body(envelope.body)
    except WireError:
        return envelope.body


def _said(answer: Envelope) -> str:
    """What an error answer says."""
    try:
        arguments = unpack(answer.body)
    except WireError:
        return ""
    return cut(", ".join(map(str, arguments)), 400) if isinstance(arguments, list) else str(arguments)


def _plain(run: str, talk: Talk, conversation: Conversation) -> dict[str, Any]:
    """The same as data: messages in the order of the tree, each with the id of its cause."""
    return {
        "run": run,
        "conversation": talk.to_plain(),
        **cost_to_plain(conversation.spent),
        "verdicts": conversation.verdicts,
        "messages": [_message(branch) for branch in branches(conversation.nodes)],
    }


def _message(branch: Branch) -> dict[str, Any]:
    node = branch.node
    e, letter, answer = node.envelope, node.letter, node.answer
    attempts = [] if letter is None else letter.attempts
    return {
        "id": e.id,
        "cause": node.parent,
        "depth": branch.depth,
        "mode": e.mode,
        "type": e.type,
        "sender": e.sender,
        "to": e.to,
        "body": decoded(e),
        "taint": e.taint,
        "at": node.at,
        "agent": letter.agent if letter else "",
        "outcome": "refused" if node.refused else letter.outcome if letter else "posted",
        "reason": node.refused.reason if node.refused else letter.reason if letter else "",
        "detail": node.refused.detail if node.refused else letter.detail if letter else "",
        "seconds": node.seconds,
        "attempts": [
            {"host": a.host, "seconds": a.ended - a.began if a.ended else None, "error": a.error, "lost": a.lost}
            for a in attempts
        ],
        "answer": None if answer is None else {"mode": answer.mode, "type": answer.type, "body": decoded(answer)},
        "steps": node.steps,
        "calls": [
            {"what": c.what, "role": c.role, "model": c.model, "attempt": c.attempt, "outcome": c.outcome}
            | cost_to_plain(c.spent)
            for c in node.calls
        ],
        "changes": [change._asdict() for change in node.changes],
        **cost_to_plain(node.spent),
    }
