from __future__ import annotations

import pytest

from analysis.document import CannotComputeError, Table
from analysis.robustness import resistance, unseen_sources
from model_training.runtime.card import ModelCard
from tests.cards import make_card
from tests.robust_cards import RESISTANCE, UNSEEN_SOURCES


def test_the_cards_figures_become_tables() -> None:
    card = make_card(unseen_sources=UNSEEN_SOURCES, resistance=RESISTANCE)
    assert isinstance(card, ModelCard)
    (table,) = unseen_sources(card).parts
    assert isinstance(table, Table)
    assert [str(row[0].en) for row in table.rows] == ["flux", "phone|7"]  # type: ignore[union-attr]
    assert len(table.header) == len(table.rows[0]) == 7
    (table,) = resistance(card).parts
    assert isinstance(table, Table)
    assert len(table.rows) == 3
    assert len(table.header) == len(table.rows[0]) == 7


def test_what_was_not_measured_is_said() -> None:
    card = make_card()
    assert isinstance(card, ModelCard)
    with pytest.raises(CannotComputeError, match="How well pictures from others are told was not measured"):
        unseen_sources(card)
    with pytest.raises(CannotComputeError, match="was not measured"):
        resistance(card)
