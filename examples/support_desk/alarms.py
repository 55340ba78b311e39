"""Danger, law and anger in what customers write: word lists, and the company that a word must keep.

The rule of this file: an alarm returns the words that raised it; no words, no alarm. A word after a negation
("I'm not angry") does not count. English only: the router is unsure of other languages and stops those tickets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

Evidence = tuple[str, ...]


def urgent(text: str) -> Evidence:
    """Words of danger to people, of a break-in, or of a shop that works for nobody."""
    return tuple(_found(_URGENT, text))


def legal(text: str) -> Evidence:
    """Words that announce lawyers, courts, authorities or a dispute with the bank."""
    return tuple(_found(_LEGAL, text))


def angry(text: str) -> Evidence:
    """Words of open anger; or two signs of a lost temper, one of which may be shouting."""
    if open_anger := tuple(_found(_FURIOUS, text)):
        return open_anger
    signs = (*_found(_ANNOYED, text), *_shouted(text))
    return signs if len(signs) >= 2 else ()


def _words(alternatives: str) -> str:
    return rf"\b(?:{alternatives})\b"


def _near(first: str, second: str, gap: int = 30) -> str:
    """``first``, and ``second`` at most ``gap`` characters later in the same sentence."""
    return rf"{_words(first)}[^.!?\n]{{0,{gap}}}{_words(second)}"


def _together(one: str, other: str, gap: int = 30) -> str:
    """Both, in either order."""
    return f"(?:{_near(one, other, gap)}|{_near(other, one, gap)})"


def _any_of(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.IGNORECASE)


_SHOP: Final = r"(?:web ?)?site|web ?shop|shop|store|app|checkout|log-?in|payment page"
_DOWN: Final = r"(?:is|are|seems?|has been|went|keeps going)(?: \w+)? (?:down|offline|dead)"
_ACCOUNT: Final = r"accounts?|passwords?|cards?|identity|login|details"
_TAKEN: Final = r"stolen|stole|hijacked|taken over|took over|broken into|broke into|leaked"
_STRANGER: Final = r"(?:someone|somebody|a stranger|a thief)(?: else)?"
_USED: Final = r"used|using|ordered|ordering|charged|charging|logged in|logging in|bought|buying|has access"
_DEVICE: Final = r"kettle|grinder|plug|cable|cord|socket|base|machine|warmer|battery"
_BURNING: Final = r"smok(?:e|es|ing)|spark(?:s|ed|ing)?|flames?|melt(?:s|ed|ing)|fire|burning smell|smells? burn\w*"
_BODY: Final = r"hands?|fingers?|thumb|arms?|legs?|foot|feet|face|mouth|tongue|lips?|skin|wrist|knee|eyes?"
_CONTAINER: Final = r"in(?:side)? (?:the|my|our|one) (?:\w+ )?(?:bag|tea|coffee|tin|pouch|beans)"

_URGENT: Final = _any_of(
    _words(r"urgent|urgently|emergency|outage|911"),
    _near(_SHOP, _DOWN, 20),
    _near(r"nobody|no one|none of (?:us|our \w+)", r"log ?in|sign in|order|pay|check ?out"),
    _words(r"hacked|hacker|compromised|phishing|data (?:breach|leak|loss)|identity theft"),
    _together(_TAKEN, _ACCOUNT),
    _near(_STRANGER, _USED),
    _words(r"fraud|fraudulent|fraudulently|unauthori[sz]ed"),
    _together(_BURNING, _DEVICE),
    _near(r"burn(?:ed|t)|scalded|injured|cuts?", rf"(?:my|her|his|our) (?:\w+ )?(?:{_BODY})|(?:my|him|her)self", 1),
    _words(r"electric(?:al)? shock|shock(?:ed)? (?:from|when|by)|allergic reaction|anaphyla\w+"),
    _words(r"hospital|ambulance|poison(?:ed|ing)|chok(?:ed|ing)"),
    _near(r"found(?: \w+){0,2} (?:glass|metal|plastic)|(?:pieces?|shards?|bits?|splinters?) of \w+", _CONTAINER),
    _near(r"mou?ldy?|insects?|bugs|maggots|worms", _CONTAINER),
)

_LAWYER: Final = r"(?:lawyer|attorney|solicitor|barrister|legal (?:team|counsel))s?"
_AUTHORITY: Final = (
    r"authorit(?:y|ies)|ombudsman|regulators?|trading standards|ftc|bbb|better business bureau|attorney general"
    r"|police|consumer (?:protection|affairs|rights|agency|association)|data protection (?:authority|agency|officer)"
)

_LEGAL: Final = _any_of(
    _near(rf"(?:my|our) {_LAWYER}", r"will|'ll|contact|letter|write|writing|advis\w+|says?|said|talk\w*|ready|know"),
    _words(rf"(?:hear|hearing|letter|call) from (?:my|our|a|an) {_LAWYER}"),
    _words(rf"(?:contact|consult|call|hire|instruct|involve|get|see|talk to) (?:my|our|a|an) {_LAWYER}"),
    _words(r"suing|(?:will|'ll|to|gonna|can|could|might|shall) sue|sue (?:you|them|the (?:company|shop))"),
    _words(r"lawsuits?|class[- ]action|litigation|cease and desist|small claims|court (?:order|summons|case)"),
    _words(r"legal (?:action|proceedings|steps|claim|consequences|dispute|remed(?:y|ies)|obligations? to)"),
    _words(r"(?:take|taking|drag|see|seeing) (?:you|this|it|them)(?: all)? (?:to|in)(?: \w+)? court"),
    _near(r"report\w*|complain\w*|complaint|go(?:ing)? to|contact\w*|write to|notify", _AUTHORITY, 40),
    _words(r"(?:file|filed|filing|start|open|request|initiate|do|doing) (?:a |the )?(?:chargeback|bank dispute)"),
    _near(r"dispute|disputing|reverse", r"with my (?:bank|card company|card issuer)|through my bank", 40),
    _words(r"(?:this|that|it|which|what you \w+) (?:is|was|must be) (?:\w+ )?(?:illegal|unlawful|against the law)"),
    _words(r"breach of contract|false advertising|violat(?:es?|ed|ing|ion of) (?:\w+ )?(?:gdpr|ccpa|law|consumer \w+)"),
)

_VERY: Final = r"absolutely|totally|completely|utterly|simply|just|so|beyond|is|are|how"
_BAD: Final = r"terrible|horrible|awful|lousy|rotten|abysmal|dreadful|shoddy"
_SERVICE: Final = r"company|shop|store|service|support|customer service|experience|treatment|website"

_FURIOUS: Final = _any_of(
    _words(r"furious|livid|outraged|outrageous|enraged|infuriat\w+|fuming|seething|irate"),
    _words(r"disgusted|disgusting|disgraceful|disgrace|pathetic|appalling|appalled|shameful|atrocious"),
    rf"{_words(rf'(?:{_VERY}) (?:ridiculous|unacceptable|useless|incompetent|a joke)')}(?! (?:how|about) )",
    _words(rf"(?:worst|{_BAD}) (?:\w+ )?(?:{_SERVICE})"),
    _words(r"scam|scammers?|scammed|rip(?:ped|ping)?[- ]?off|thieves|crooks|liars|con artists?"),
    _words(r"fed up|sick (?:and tired )?of|had (?:it|enough) (?:with|of)|last straw|at my wits' end"),
    _words(r"wtf|bullshit|fuck\w*|shit\w*|assholes?|damn you|goddamn|idiots?|morons?|screw you|go to hell"),
    _words(r"waste of (?:my )?(?:time|money)|how dare you|shame on you"),
    _words(r"never(?: \w+)? (?:buy|order|shop)(?:ing)?(?: \w+)? (?:again|(?:from|with|at) (?:you|here|your \w+))"),
    _words(r"(?:i am|i'm|im|we are|we're|makes? me)(?: (?!not)\w+){0,2} (?:angry|pissed(?: off)?|mad(?! about))"),
)

_ANNOYED: Final = _any_of(
    _words(r"annoyed|annoying|frustrat\w+|disappoint\w+|upset|irritat\w+|unhappy"),
    _words(rf"ridiculous|unacceptable|useless|nonsense|a joke|{_BAD}"),
    _words(r"(?:third|fourth|fifth|sixth|3rd|4th|5th|6th|tenth) (?:time|e-?mail|message|ticket|call)"),
    _words(r"again and again|over and over|still no (?:answer|reply|response)"),
    _words(r"(?:nobody|no one) (?:answers|replies|cares)|ignored|ignoring me|wrong with you"),
    _words(r"do you (?:people )?even|are you (?:kidding|serious|joking)"),
)

_SHOUTING: Final = (
    re.compile(r"\b[A-Z][A-Z']+(?:\W+(?:[A-Z][A-Z']+|I|A)\b){3,}"),  # four or more words in capitals
    re.compile(r"!(?:\s*!){2,}|\?!|!\?"),
)

_NEGATED: Final = re.compile(
    r"(?:\b(?:not|never|no|none|without|nothing|neither|nor|hardly|cannot)|n't|\b(?:is|do|did|was|are)nt)"
    r"(?:\s+(?:a|an|the|any|at|all|really|very|so|too|even|just|been|be|being|feeling|getting|have|had|going|want|to"
    r"|call|it|this|that|you|as|in|of|my|quite|exactly|particularly|meant|mean|say|saying|think|i'm|is|was)){0,4}\s*$",
    re.IGNORECASE,
)
"""A negation, and from there to the word at most four words that carry it on."""


def _found(pattern: re.Pattern[str], text: str) -> Iterator[str]:
    plain = text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    for match in pattern.finditer(plain):
        if not _NEGATED.search(plain, max(0, match.start() - 60), match.start()):
            yield " ".join(match.group().split())


def _shouted(text: str) -> Iterator[str]:
    for pattern in _SHOUTING:
        if match := pattern.search(text):
            yield " ".join(match.group().split())
