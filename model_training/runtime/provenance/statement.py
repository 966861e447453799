"""What a file states about its origin, how far it may be trusted, and what all of it comes to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

#: What a statement says of the picture: made by AI, edited by AI, captured from life, made or edited by other software.
Says = Literal["ai", "ai_edited", "camera", "software", "nothing"]
#: How far it may be trusted: signed by someone on the trust list; signed, but by anyone; written by anyone; and
#: credentials that do not hold.
Level = Literal["signed", "signed_by_unknown", "claimed", "invalid"]
#: Where it stands: content credentials, IPTC's DigitalSourceType, the AIGC label of China's TC260, what a generator
#: notes of its prompt and settings, a credit line, the name of a program, a camera's make and model.
Source = Literal[
    "credentials", "digital_source_type", "aigc_label", "generation_settings", "credit", "software", "camera"
]
#: Why credentials do not hold: the picture is not the one that was signed; the certificate's time is over, or it was
#: withdrawn; they were made against the rules; they can't be read at all; their history is longer than we check.
Problem = Literal["other_picture", "expired", "revoked", "broken", "unreadable", "too_long"]
Block = Literal["credentials", "xmp", "exif", "png_text", "file"]
#: Why a block was not read, or not to its end: more than we read; damaged; kept on a server, which we do not ask.
Reason = Literal["cut", "unreadable", "elsewhere"]

SAYS: tuple[Says, ...] = ("ai", "ai_edited", "camera", "software", "nothing")
LEVELS: tuple[Level, ...] = ("signed", "signed_by_unknown", "claimed", "invalid")
_LONGEST = 80


@dataclass(frozen=True)
class Signer:
    """Who signed, as the certificate has it: `organisation` and `name` of the subject, and `issuer`, who vouches for
    them; `self_signed`: nobody does. `time`: ISO 8601, by a time stamp that holds."""

    organisation: str | None
    name: str | None
    issuer: str | None
    self_signed: bool
    time: str | None = None


@dataclass(frozen=True)
class Statement:
    """`name`: of the program or camera. `signer` and `problem` are those of credentials."""

    source: Source
    says: Says
    level: Level
    name: str | None = None
    signer: Signer | None = None
    problem: Problem | None = None


@dataclass(frozen=True)
class Unread:
    block: Block
    reason: Reason


@dataclass(frozen=True)
class Provenance:
    """All that a file states. `says` and `level` are what it comes to (see `weigh`)."""

    says: Says
    level: Level | None
    statements: tuple[Statement, ...]
    unread: tuple[Unread, ...]

    def as_answer(self) -> dict[str, object]:
        """For an answer's `provenance`: JSON without what is not known."""
        return _without_none(asdict(self)) | {"level": self.level}


def conclude(statements: Sequence[Statement], unread: Iterable[Unread] = ()) -> Provenance:
    says, level = weigh(statements)
    return Provenance(says, level, tuple(statements), tuple(dict.fromkeys(unread)))


def weigh(statements: Sequence[Statement]) -> tuple[Says, Level | None]:
    """What statements come to, and how far that may be trusted.

    Where the picture came from, signed by someone on the trust list, beats everything else; that some program saved it
    says little, whoever signs. A signature of a stranger counts no more than an unsigned note, since anybody can make
    either; among these the one that admits to AI counts, since few gain by inventing that. Broken credentials say
    nothing. The level is None where there is no statement.
    """
    telling = [each for each in statements if each.level != "invalid" and each.says != "nothing"]
    if telling:

        def rank(each: Statement) -> tuple[bool, int, int]:
            vouched = each.level == "signed" and each.says != "software"
            return not vouched, SAYS.index(each.says), LEVELS.index(each.level)

        best = min(telling, key=rank)
        return best.says, best.level
    return "nothing", min((each.level for each in statements), key=LEVELS.index, default=None)


def tidy(text: object) -> str | None:
    """A name out of a file, fit to be shown: one line of at most 80 printable characters; None where none is left."""
    words = " ".join("".join(letter if letter.isprintable() else " " for letter in str(text)[:1000]).split())
    return (words if len(words) <= _LONGEST else words[: _LONGEST - 1] + "…") or None


def _without_none(value: object) -> dict[str, object]:
    def clean(each: object) -> object:
        if isinstance(each, dict):
            return {key: clean(inner) for key, inner in each.items() if inner is not None}
        return [clean(inner) for inner in each] if isinstance(each, list | tuple) else each

    cleaned = clean(value)
    assert isinstance(cleaned, dict)
    return cleaned
