"""What was read of labelled scenes, and what was left out: the lines of `hwapung data check`."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..datasets.summary import SHOWN, phrase
from ..runtime.card import Text
from ..runtime.errors import make_printable
from ..translation import _, join, plain
from .annotations import Scenes


def count_boxes(scenes: Scenes) -> dict[str, int]:
    """Of each class, in the order of the classes."""
    counts = Counter(int(index) for scene in scenes.scenes for index in scene.classes)
    return {label: counts[index] for index, label in enumerate(scenes.classes)}


def summarise_scenes(scenes: Scenes, place: Path) -> list[Text]:
    """Scenes and their boxes by class, then a line for each finding."""
    counts = count_boxes(scenes)
    listed = [plain(f"{make_printable(label)} {count:,}") for label, count in counts.items()]
    return [
        _(
            "{place}: {count} labelled scenes with {boxes} boxes",
            place=make_printable(str(place)),
            count=len(scenes.scenes),
            boxes=sum(counts.values()),
        ),
        _("{split}: {listed}", split=_("boxes by class"), listed=join(listed, SHOWN)),
        *(phrase(each) for each in scenes.findings),
    ]


def list_scenes(scenes: Scenes) -> dict[str, Any]:
    """For programs."""
    return {
        "scenes": {
            str(scene.path): [
                {"class": scenes.classes[index], "box": box.tolist()}
                for box, index in zip(scene.boxes, scene.classes, strict=True)
            ]
            for scene in scenes.scenes
        },
        "boxes": count_boxes(scenes),
        "findings": [asdict(each) for each in scenes.findings],
    }
