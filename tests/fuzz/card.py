"""`card.json` → a card, or `CardError`."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path

from model_training.runtime.card import Card, read_card, write_card
from model_training.runtime.errors import CardError


def feed(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder, suppress(CardError):
        path = Path(folder) / "card.json"
        path.write_bytes(data)
        card = read_card(path, Card)
        write_card(card, path)
        assert read_card(path, Card) == card
