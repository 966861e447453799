"""DomainNet's sketches: 345 objects, one archive and two lists that name each file's class.

Peng et al., Moment Matching for Multi-Source Domain Adaptation, ICCV 2019. Fair use for non-commercial research only.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path, PurePosixPath

from ...progress import Step
from ...runtime.errors import DatasetError
from .client import Client
from .collect import Candidate, SourceImage

BASE_URL = "https://csr.bu.edu/ftp/visda/2019/multi-source"
ARCHIVE = "sketch.zip"
ARCHIVE_MD5 = "658d8009644040ff7ce30bb2e820850f"
LISTS = ("domainnet/txt/sketch_train.txt", "domainnet/txt/sketch_test.txt")
LICENCE = "non-commercial research (DomainNet's fair use notice)"


class DomainNet:
    """The archive is kept in `cache` and checked against `md5`; `labels` keeps some of the objects."""

    name = "domainnet"

    def __init__(
        self,
        client: Client,
        cache: Path,
        step: Step,
        labels: tuple[str, ...] = (),
        base_url: str = BASE_URL,
        md5: str = ARCHIVE_MD5,
    ) -> None:
        self.client = client
        self.cache = cache
        self.step = step
        self.labels = labels
        self.base_url = base_url.rstrip("/")
        self.md5 = md5
        self.total = 0

    def find(self) -> Iterator[Candidate]:
        names = self._list()
        if self.labels:
            names = [name for name in names if PurePosixPath(name).parts[1] in self.labels]
        self.total = len(names)
        with zipfile.ZipFile(self._fetch_archive()) as archive:
            inside = set(archive.namelist())
            if missing := [name for name in names if name not in inside]:
                raise DatasetError(
                    f"{ARCHIVE}: {missing[0]}, which the lists name, is not in it.",
                    "The set has changed: update Hwapung, or report it.",
                )
            for name in names:
                yield Candidate(name, partial(self._load, archive, name))

    def _list(self) -> list[str]:
        """`sketch/<object>/<file>` of both lists, whose lines are `sketch/airplane/sketch_001_000001.jpg 0`."""
        names: list[str] = []
        for place in LISTS:
            address = f"{self.base_url}/{place}"
            content = self.client.get_bytes(address)
            if content is None:
                raise DatasetError(f"{address}: there is nothing.", "Check --base-url.")
            for number, line in enumerate(content.decode("utf-8").splitlines(), 1):
                name, _, label = line.rpartition(" ")
                if len(PurePosixPath(name).parts) != 3 or not label.isdecimal():
                    raise DatasetError(
                        f"{address}, line {number}: {line[:80]!r} is not a path and a number.",
                        "The list has changed: update Hwapung, or report it.",
                    )
                names.append(name)
        known = {PurePosixPath(name).parts[1] for name in names}
        if unknown := [label for label in self.labels if label not in known]:
            raise DatasetError(f"DomainNet has no object {unknown[0]!r}.", "Its objects are written like sea_turtle.")
        return sorted(names)

    def _fetch_archive(self) -> Path:
        archive = self.cache / ARCHIVE
        if not archive.exists():
            self.client.download(f"{self.base_url}/{ARCHIVE}", archive, self.step.update)
            with archive.open("rb") as file:
                digest = hashlib.file_digest(file, "md5").hexdigest()
            if digest != self.md5:
                archive.unlink()
                raise DatasetError(
                    f"{ARCHIVE}: the archive that came is not the one that is known (MD5 {digest}).", "Fetch it again."
                )
        return archive

    def _load(self, archive: zipfile.ZipFile, name: str) -> SourceImage:
        path = PurePosixPath(name)
        return SourceImage(
            archive.read(name), path.parts[1], path.stem, "", f"{self.base_url}/{ARCHIVE}#{name}", LICENCE
        )
