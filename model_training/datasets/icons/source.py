"""Icons as a source of drawings, like a museum of pictures: each icon several times, each time by another hand."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Callable, Iterator, Sequence, Set
from functools import partial
from pathlib import Path

import numpy as np

from ...runtime.errors import DatasetError
from ...runtime.files import replacing
from ..sources.client import Client
from ..sources.collect import Candidate, SourceImage
from ..sources.npm import fetch_package
from ..suggest import suggest
from .classes import CLASSES
from .hand import draw
from .sets import DEFAULT_SETS, ICON_SETS
from .strokes import Outline, read_icon


class Icons:
    """`each` drawings of every icon of the `sets` that shows one of `labels` (all if empty).

    A drawing depends on its icon, `seed` and its number alone. Its title in the record is set and icon: with
    `data.group=title` no icon is on two sides of a split.
    """

    name = "icons"

    def __init__(
        self,
        client: Client,
        cache: Path,
        registry: str,
        progress: Callable[[int, int], None],
        *,
        sets: Sequence[str] = DEFAULT_SETS,
        labels: Sequence[str] = (),
        each: int = 12,
        seed: int = 0,
    ) -> None:
        """Raises `DatasetError` for a set or a label that there is none of."""
        for word, wanted, known in (("set", sets, ICON_SETS), ("class", labels, CLASSES)):
            if unknown := [one for one in wanted if one not in known]:
                raise DatasetError(f"The icons have no {word} {unknown[0]!r}.", suggest(unknown[0], list(known)))
        self.client = client
        self.cache = cache
        self.registry = registry
        self.progress = progress
        self.sets = tuple(sets)
        self.labels = tuple(labels) or tuple(CLASSES)
        self.each = each
        self.seed = seed
        self.total = 0

    def find(self) -> Iterator[Candidate]:
        """The first of every icon, then the second of every icon, …: whatever stops it, the classes are equal."""
        icons = [
            (label, name, icon) for label in self.labels for name in self.sets for icon in CLASSES[label].get(name, ())
        ]
        self.total = len(icons) * self.each
        drawn = self._read([(name, icon) for _, name, icon in icons])
        for number in range(self.each):
            for label, name, icon in icons:
                key = f"{name}-{icon}-{self.seed}-{number}"
                yield Candidate(key, partial(self._draw, drawn[name, icon], label, name, icon, number))

    def write_licences(self, folder: Path) -> None:
        """Each set's own licence text, in a file of its own: `folder/<set>.txt`."""
        for name in self.sets:
            chosen = ICON_SETS[name]
            text = self._extract(name, {chosen.licence_file})[chosen.licence_file]
            said = f"{chosen.package.url}, {chosen.package.licence}."
            head = f"{said} Drawings whose title begins with {name}/ are made after its icons.\n\n"
            with replacing(folder / f"{name}.txt") as file:
                file.write_bytes(head.encode() + text)

    def _read(self, icons: Sequence[tuple[str, str]]) -> dict[tuple[str, str], tuple[Outline, ...]]:
        """Set and icon → its lines."""
        found: dict[tuple[str, str], tuple[Outline, ...]] = {}
        for name in self.sets:
            own = sorted({icon for one, icon in icons if one == name})
            svgs = ICON_SETS[name].find(own, self._extract(name, {ICON_SETS[name].place(icon) for icon in own}))
            found |= {(name, icon): read_icon(svg, f"{name}/{icon}") for icon, svg in zip(own, svgs, strict=True)}
        return found

    def _extract(self, name: str, places: Set[str]) -> dict[str, bytes]:
        """Place → file, of a set's package, in one pass: a compressed archive can't be gone back in."""
        package = fetch_package(self.client, ICON_SETS[name].package, self.cache, self.registry, self.progress)
        found: dict[str, bytes] = {}
        with tarfile.open(package) as archive:
            for member in archive:
                if member.name in places and (content := archive.extractfile(member)):
                    found[member.name] = content.read()
        if missing := places - found.keys():
            raise DatasetError(f"{package}: {min(missing)} is not in it.", "Update Hwapung, or report it.")
        return found

    def _draw(self, outlines: tuple[Outline, ...], label: str, name: str, icon: str, number: int) -> SourceImage:
        own = int.from_bytes(hashlib.sha256(f"{name}/{icon}".encode()).digest()[:8], "big")
        image = draw(outlines, np.random.default_rng((self.seed, own, number)))
        content = io.BytesIO()
        image.save(content, "PNG")
        chosen = ICON_SETS[name]
        url = f"{chosen.package.url}#{chosen.place(icon)}"
        return SourceImage(content.getvalue(), label, f"{name}/{icon}", chosen.authors, url, chosen.package.licence)
