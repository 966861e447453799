"""Bytes → provenance."""

from __future__ import annotations

from .credentials import CredentialsReader
from .declarations import read_declarations
from .metadata import read_metadata
from .statement import Provenance, conclude


def read_provenance(data: bytes | bytearray, credentials: CredentialsReader) -> Provenance:
    """What an image's file states about its origin. Never raises; takes a fraction of what decoding takes.

    `data`: a whole file of any format that `decode` reads; others state nothing, and say so by `unread`.
    """
    claimed, unread = read_declarations(read_metadata(data))
    return conclude([*credentials.read(data), *claimed], unread)
