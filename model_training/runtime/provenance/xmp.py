"""XMP → its properties, by a parser that refuses what makes XML dangerous.

Entities can't be declared (no billion laughs, no outside files), elements can't lie deeper than any writer puts them,
and no more than half a megabyte is read. What was read before a fault counts.
"""

from __future__ import annotations

from xml.parsers import expat

from .statement import Reason

LONGEST = 2**19
_DEEPEST = 32
_MOST = 2000
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns# "

#: A property's namespace and name → its values.
Properties = dict[tuple[str, str], list[str]]


class _RefusedError(Exception):
    pass


def read_xmp(packet: bytes) -> tuple[Properties, Reason | None]:
    """`packet`: an XMP packet, in UTF-8 or with a byte order mark. Returns its simple properties, wherever they stand:
    as an attribute, as an element's text or `rdf:resource`, or as the items of a list; and why it wasn't read whole."""
    found: Properties = {}
    path: list[str] = []
    texts: list[str] = []
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True

    def add(name: str, value: str) -> None:
        namespace, _, local = name.rpartition(" ")
        if value.strip() and not name.startswith(_RDF) and namespace:
            found.setdefault((namespace, local), []).append(value.strip())
            if len(found) > _MOST:
                raise _RefusedError

    def begin(name: str, attributes: dict[str, str]) -> None:
        if len(path) >= _DEEPEST:
            raise _RefusedError
        path.append(name)
        texts.append("")
        for key, value in attributes.items():
            add(name if key == f"{_RDF}resource" else key, value)

    def end(name: str) -> None:
        owner = next((each for each in reversed(path) if not each.startswith(_RDF)), "")
        add(owner, texts.pop())
        path.pop()

    def read(text: str) -> None:
        if texts:
            texts[-1] += text

    def refuse(*_: object) -> None:
        raise _RefusedError

    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = begin, end, read
    parser.StartDoctypeDeclHandler = refuse
    cut = len(packet) > LONGEST
    try:
        parser.Parse(packet[:LONGEST].strip(b"\0 \r\n\t"), not cut)
    except (expat.ExpatError, _RefusedError, LookupError, ValueError):
        return found, "unreadable"
    return found, "cut" if cut else None
