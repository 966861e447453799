"""What a picture's file states of its origin, as the page shows it: apart from the answer, and before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask_babel import gettext, lazy_gettext
from flask_babel.speaklater import LazyString

from ..formatting import day

_ = lazy_gettext

#: What is said → the headline where it is signed by someone on the trust list, the one where anybody may say it, and
#: what a note says in a few words.
SAYS: dict[str, tuple[LazyString, LazyString, LazyString]] = {
    "ai": (_("Made by AI"), _("Said to be made by AI"), _("made by AI")),
    "ai_edited": (_("Edited with AI"), _("Said to be edited with AI"), _("edited with AI")),
    "camera": (_("Taken with a camera"), _("Said to be taken with a camera"), _("taken with a camera")),
    "software": (_("Saved by a program"), _("Saved by a program"), _("saved by a program")),
}
LEVELS: dict[str, LazyString] = {
    "signed": _("signed, trusted"),
    "signed_by_unknown": _("signed, not trusted"),
    "claimed": _("not signed"),
    "invalid": _("does not hold"),
}
SOURCES: dict[str, LazyString] = {
    "credentials": _("Content credentials"),
    "digital_source_type": _("IPTC source type"),
    "aigc_label": _("AI label (TC260)"),
    "generation_settings": _("A generator’s settings"),
    "credit": _("Credit line"),
    "software": _("Program"),
    "camera": _("Camera"),
}
PROBLEMS: dict[str, LazyString] = {
    "other_picture": _("They belong to another picture, or this one was changed after signing."),
    "expired": _("The signer’s certificate had expired, and no trusted time stamp shows that it signed before."),
    "revoked": _("The signer’s certificate was withdrawn."),
    "broken": _("They were altered or made against the rules."),
    "unreadable": _("They are damaged and can’t be read."),
    "too_long": _("Their history is too long to be checked."),
}
UNREAD: dict[str, LazyString] = {
    "cut": _("The file’s notes are so long that only their beginning was read."),
    "unreadable": _("Some of the file’s notes are damaged and were not read."),
    "elsewhere": _("Its content credentials are kept on a server, which was not asked."),
}


@dataclass(frozen=True)
class Note:
    """One statement: where it stands, what it says, and how far it may be trusted."""

    source: str
    text: str
    level: str
    level_words: str


@dataclass(frozen=True)
class OriginView:
    title: str
    text: str
    level: str
    notes: tuple[Note, ...]
    unread: tuple[str, ...]


def view_origin(provenance: dict[str, Any] | None) -> OriginView | None:
    """`provenance`: an answer's; None where the model does not read it, or the answer is to a copy without its file."""
    if provenance is None:
        return None
    says, level, statements = provenance["says"], provenance["level"], provenance["statements"]
    title, text = _conclude(says, level, statements)
    notes = (
        Note(str(SOURCES[each["source"]]), _describe(each), each["level"], str(LEVELS[each["level"]]))
        for each in statements
    )
    unread = dict.fromkeys(str(UNREAD[each["reason"]]) for each in provenance["unread"])
    return OriginView(title, text, level or "none", tuple(notes), tuple(unread))


def _conclude(says: str, level: str | None, statements: list[dict[str, Any]]) -> tuple[str, str]:
    if says in SAYS:
        best = next(each for each in statements if (each["says"], each["level"]) == (says, level))
        return str(SAYS[says][0 if level == "signed" else 1]), _vouch(best)
    if level == "invalid":
        return gettext("Its content credentials do not hold"), gettext("What they say counts for nothing.")
    if level is not None:
        return gettext("Nothing about its origin"), _vouch(statements[0])
    return (
        gettext("Nothing about its origin"),
        gettext("That speaks neither for AI nor against it: many sites and programs remove such notes."),
    )


def _vouch(statement: dict[str, Any]) -> str:
    """How far a statement may be trusted, in a sentence."""
    who = _name_signer(statement)
    match statement["level"]:
        case "signed":
            return gettext("%(who)s signed this and is on the trust list. Nothing was changed since.", who=who)
        case "signed_by_unknown":
            return gettext("%(who)s signed this, but is on no trust list. Anybody can sign.", who=who)
    return gettext("A note in the file says so. Anybody can write, change or remove such a note.")


def _name_signer(statement: dict[str, Any]) -> str:
    signer = statement.get("signer", {})
    return str(signer.get("organisation") or signer.get("name") or gettext("Somebody"))


def _describe(statement: dict[str, Any]) -> str:
    parts: list[str] = []
    name = statement.get("name")
    if (problem := statement.get("problem")) is not None:
        parts.append(str(PROBLEMS[problem]))
    elif statement["source"] in ("camera", "software") and name:
        parts.append(name)
    else:
        words = str(SAYS[statement["says"]][2]) if statement["says"] in SAYS else gettext("nothing about the origin")
        parts.append(f"{words} ({name})" if name else words)
    if signer := statement.get("signer"):
        names = dict.fromkeys(each for each in (signer.get("organisation"), signer.get("name")) if each)
        parts.append(gettext("Signer: %(names)s.", names=", ".join(names) or gettext("Somebody")))
        if signer["self_signed"]:
            parts.append(gettext("The certificate is the signer’s own."))
        elif "issuer" in signer:
            parts.append(gettext("Certified by %(issuer)s.", issuer=signer["issuer"]))
        if "time" in signer:
            parts.append(gettext("Signed on %(day)s.", day=day(signer["time"])))
    return " · ".join(part.rstrip(".") for part in parts)
