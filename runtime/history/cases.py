"""Cases: what waits for a person, by the journal alone."""

from __future__ import annotations

from stigmergy.actors.board.cases import Case
from stigmergy.actors.board.mail import Mail
from stigmergy.actors.journal import ReadOnlyJournal


def cases_in(journal: ReadOnlyJournal) -> list[Case]:
    """What is in doubt; of a run that was killed also what no board has come to holding."""
    mail = Mail(lambda _kind, _data: None)
    for entry in journal.read(kinds="mail."):
        mail.apply(entry.kind, entry.data)
    doubts = ((letter, letter.doubt) for letter in mail.letters.values())
    return [Case.of(letter, step) for letter, step in doubts if step is not None]
