"""The recipe as a whole: its sections, and that they fit together."""

from __future__ import annotations

from pydantic import Field, model_validator

from ..runtime.architecture import Preprocessing
from ..runtime.card import Text, name_class
from .combinations import check_combinations
from .sections import Augmentation, Data, Network, Precision, Product, Search, Serving, Training, Verdicts


class Recipe(Product):
    labels: dict[str, Text] = Field(
        default_factory=dict, description="class folder → title; one without is shown by its name, readably"
    )
    data: Data = Data()
    preprocessing: Preprocessing
    augmentation: Augmentation = Augmentation()
    network: Network = Network()
    training: Training = Training()
    verdicts: Verdicts = Verdicts()
    provenance: bool = Field(
        False, description="answers also say what a picture's file states of its origin: content credentials, metadata"
    )
    resistance: bool = Field(
        False, description="measure how answers stand JPEG, resizing and screenshots, when the bundle is made"
    )
    precision: Precision = Field("float32", description="of the network on a CPU; the card's figures are of it")
    serving: Serving = Serving()
    search: Search = Search()

    @model_validator(mode="after")
    def _settings_fit_together(self) -> Recipe:
        check_combinations(self.name, self.network, self.training, self.augmentation, self.data)
        return self

    def name_class(self, key: str) -> Text:
        """A class's title: the recipe's, or one made of its key."""
        return self.labels.get(key) or name_class(key)
