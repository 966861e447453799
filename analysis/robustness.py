"""The sections on what the card says of pictures from other sources and of pictures that were passed on."""

from __future__ import annotations

from model_training.packaging.robustness import Told, tell_resistance, tell_unseen_sources
from model_training.runtime.card import ModelCard, Text

from .document import CannotComputeError, Section, Table
from .translation import _


def unseen_sources(card: ModelCard) -> Section:
    return _make_section("unseen_sources", _("Sources that it was not trained on"), tell_unseen_sources(card))


def resistance(card: ModelCard) -> Section:
    return _make_section("resistance", _("Compressed, resized, taken from a screen"), tell_resistance(card))


def _make_section(name: str, title: Text, told: Told) -> Section:
    if not told.rows:
        raise CannotComputeError(told.words[0])
    return Section(name, title, told.words, [Table(name, title, told.header, told.rows)])
