"""An answer → the row of a table. ARCHITECTURE.md has the columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from model_training.runtime.card import Card, ClassifierCard
from model_training.runtime.errors import ImageError

from ..model import Answer

#: A row as the journal keeps it: keys of an answer, of which those without a value are missing.
Row = dict[str, Any]
PROBABILITY = "p:"


@dataclass(frozen=True)
class Column:
    """`kind`: `texts` is a list of them, `json` anything else that is not one value."""

    name: str
    kind: Literal["text", "number", "whole", "texts", "json"] = "text"


def list_columns(card: Card) -> tuple[Column, ...]:
    """The same for every picture of a model, so that tables have one form whatever is answered."""
    columns = [Column("path")]
    match card.task:
        case "classification":
            columns += [Column("class"), Column("confidence", "number")]
        case "multi_label":
            columns += [Column("labels", "texts")]
        case _:
            columns += [Column("objects", "json"), Column("width", "whole"), Column("height", "whole")]
    columns += [Column("verdict"), Column("reason")]
    if card.task in ("classification", "multi_label"):
        columns += [Column("prediction_set", "texts")]
        columns += [Column(PROBABILITY + label.key, "number") for label in card.labels]
    if isinstance(card, ClassifierCard) and card.task != "sketch":
        if card.preprocessing.fit == "strip":
            columns += [Column("panels", "json")]
        if card.reads_provenance:
            columns += [Column("provenance_says"), Column("provenance_level")]
    return (*columns, Column("warnings", "texts"), Column("error"), Column("message"))


def make_row(path: str, answer: Answer | ImageError) -> Row:
    if isinstance(answer, ImageError):
        return {"path": path, "error": answer.code, "message": str(answer)}
    said: dict[str, Any] = dict(answer)
    row = {"path": path} | {
        key: said[key]
        for key in ("class", "confidence", "labels", "width", "height", "verdict", "reason", "warnings")
        if key in said
    }
    if "objects" in said:
        # An embedding is for a gallery, and a hundred times as long as all the rest.
        row["objects"] = [
            {key: each[key] for key in each if key not in ("embedding", "title")} for each in said["objects"]
        ]
    else:
        row["probabilities"] = said["probabilities"]
    if "prediction_set" in said:
        row["prediction_set"] = said["prediction_set"]["classes"]
    if "panels" in said:
        row["panels"] = said["panels"]
    if "provenance" in said:
        row |= {f"provenance_{key}": said["provenance"][key] for key in ("says", "level")}
    return row


def read_cell(row: Row, column: Column) -> Any:
    """None where the row has no value."""
    if column.name.startswith(PROBABILITY):
        return row.get("probabilities", {}).get(column.name.removeprefix(PROBABILITY))
    return row.get(column.name)
