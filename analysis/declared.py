"""The section on what the test pictures' files state of their origin, by content credentials and metadata."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from model_training.runtime.card import Text
from model_training.runtime.provenance.credentials import CredentialsReader
from model_training.runtime.provenance.read import read_provenance
from model_training.runtime.provenance.statement import LEVELS, SAYS, Level, Provenance, Source
from model_training.translation import plain

from .document import CannotComputeError, Section, Table
from .material import Material
from .predictions import Evaluated
from .translation import _

#: Where a statement stands, how far it may be trusted, the name of the program or camera.
Kind = tuple[Source, Level, str]

_SAYS = {
    "ai": _("made by AI"),
    "ai_edited": _("edited with AI"),
    "camera": _("taken with a camera"),
    "software": _("saved by a program"),
    "nothing": _("nothing"),
}
_LEVELS = {
    "signed": _("signed, trusted"),
    "signed_by_unknown": _("signed, not trusted"),
    "claimed": _("not signed"),
    "invalid": _("does not hold"),
}
_SOURCES = {
    "credentials": _("content credentials"),
    "digital_source_type": _("IPTC source type"),
    "aigc_label": _("AI label (TC260)"),
    "generation_settings": _("a generator's settings"),
    "credit": _("credit line"),
    "software": _("program"),
    "camera": _("camera"),
}


def statements(material: Material, found: Evaluated) -> Section:
    test = material.test
    if not len(test):
        raise CannotComputeError(_("There is no test picture."))
    credentials = CredentialsReader.from_environment()

    def read(place: str) -> Provenance:
        return read_provenance(Path(found.root / place).read_bytes(), credentials)

    with ThreadPoolExecutor() as readers:
        read_files = list(readers.map(read, test.places))
    section = Section("statements", _("What the files state"))
    telling = sum(each.says != "nothing" for each in read_files)
    section.words.append(
        _(
            "{telling} of {count} test pictures state where they come from, by content credentials or by notes that "
            "anybody can write. The network sees none of it.",
            telling=telling,
            count=len(test),
        )
    )
    conclusions: Counter[tuple[int, str]] = Counter()
    kinds: defaultdict[Kind, Counter[int]] = defaultdict(Counter)
    for target, each in zip(test.targets.tolist(), read_files, strict=True):
        conclusions[target, each.says] += 1
        for kind in {(note.source, note.level, note.name or "") for note in each.statements}:
            kinds[kind][target] += 1
    names = material.names
    section.parts.append(
        Table(
            "origins",
            _("What each class's files come to"),
            (_("class"), *(_SAYS[says] for says in SAYS)),
            [(name, *(conclusions[target, says] for says in SAYS)) for target, name in enumerate(names)],
        )
    )
    if kinds:
        section.parts.append(_list_kinds(kinds, names))
    return section


def _list_kinds(kinds: Mapping[Kind, Counter[int]], names: Sequence[Text]) -> Table:
    """Every kind of statement with the number of pictures of each class, the most trusted and frequent first."""
    ordered = sorted(kinds, key=lambda kind: (LEVELS.index(kind[1]), -kinds[kind].total(), kind))
    return Table(
        "statements",
        _("Where it stands"),
        (_("statement"), _("trust"), _("name"), *names),
        [
            (
                _SOURCES[source],
                _LEVELS[level],
                plain(name),
                *(kinds[source, level, name][each] for each in range(len(names))),
            )
            for source, level, name in ordered
        ],
    )
