"""Engines without a network, so that a test decides what is answered and how long it takes.

python -m tests.hwapung.batch.asked FOLDER TABLE [HEATMAPS]     answers slowly, to be killed
"""

from __future__ import annotations

import base64
import hashlib
import io
import sys
import time
from collections.abc import Generator, Iterable, Sequence
from pathlib import Path
from typing import Any, cast

from PIL import Image

from hwapung.batch.engines import Answered, read
from hwapung.batch.items import Item
from hwapung.batch.run import Extras, predict_many
from hwapung.batch.sources import open_source
from hwapung.batch.summary import Summary
from hwapung.batch.tables import open_table
from hwapung.model import Answer
from model_training.runtime.card import Card
from model_training.runtime.errors import ImageError
from tests.cards import make_card


def _draw_heat() -> str:
    buffer = io.BytesIO()
    Image.linear_gradient("L").convert("RGBA").save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


HEAT = _draw_heat()


class Asked:
    """Answers by the bytes' hash alone; what begins with `broken` is no picture. `seen`: the names that were asked."""

    def __init__(self, card: Card | None = None, seconds: float = 0, stop_after: int | None = None) -> None:
        self.card = card or make_card()
        self.seconds = seconds
        self.stop_after = stop_after
        self.seen: list[str] = []

    def answer(self, items: Iterable[Item], *, explain: bool) -> Generator[Answered, None, None]:
        for item in items:
            if len(self.seen) == self.stop_after:
                raise KeyboardInterrupt
            self.seen.append(item.name)
            time.sleep(self.seconds)
            answer = self._judge(read(item))
            if explain and not isinstance(answer, ImageError):
                answer["explanation"] = cast("Any", {"data": HEAT})
            yield item, answer

    def _judge(self, data: bytes | ImageError) -> Answer | ImageError:
        if isinstance(data, ImageError):
            return data
        if data.startswith(b"broken"):
            return ImageError("It is broken.", "Mend it.", code="broken_picture")
        share = hashlib.sha256(data).digest()[0] / 255
        keys = [label.key for label in self.card.labels]
        answer: dict[str, Any] = {"verdict": "sure", "model": self.card.name, "version": self.card.version}
        if self.card.task == "classification":
            best = keys[0] if share >= 0.5 else keys[1]
            answer |= {"class": best, "confidence": max(share, 1 - share), "prediction_set": {"classes": [best]}}
        elif self.card.task == "multi_label":
            answer |= {"labels": keys}
        else:
            answer |= {
                "objects": [{"class": keys[0], "score": share, "box": None, "embedding": "AAAA"}],
                "width": 8,
                "height": 6,
            }
        if "objects" not in answer:
            answer["probabilities"] = dict(zip(keys, (share, 1 - share), strict=True))
        return cast("Answer", answer)


def predict(engine: Asked, paths: Sequence[str | Path], table: Path, extras: Extras | None = None) -> Summary:
    return predict_many(engine, open_source(paths), open_table(table), extras or Extras())


if __name__ == "__main__":
    folder, table, *heatmaps = map(Path, sys.argv[1:])
    predict(Asked(seconds=0.05), [folder], table, Extras(explain=heatmaps[0] if heatmaps else None))
