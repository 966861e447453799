"""IPTC's vocabulary of digital source types, as XMP and content credentials use it → what it says of a picture.

https://cv.iptc.org/newscodes/digitalsourcetype/
"""

from __future__ import annotations

from .statement import Says

_SAYS: dict[str, Says] = {
    "trainedalgorithmicmedia": "ai",
    "trainedalgorithmicdata": "ai",
    "compositewithtrainedalgorithmicmedia": "ai_edited",
    "compositesynthetic": "ai_edited",
    "digitalcapture": "camera",
    "computationalcapture": "camera",
    "compositecapture": "camera",
    "negativefilm": "camera",
    "positivefilm": "camera",
    "print": "camera",
    "algorithmicmedia": "software",
    "algorithmicallyenhanced": "software",
    "composite": "software",
    "datadrivenmedia": "software",
    "digitalart": "software",
    "digitalcreation": "software",
    "humanedits": "software",
    "minorhumanedits": "software",
    "screencapture": "software",
    "softwareimage": "software",
    "virtualrecording": "software",
}


def read_source_type(value: object) -> Says:
    """`value`: the type's address, or its last part. `nothing` for a type that says nothing of the origin."""
    return _SAYS.get(str(value)[-200:].rstrip("/").rpartition("/")[2].strip().lower(), "nothing")
