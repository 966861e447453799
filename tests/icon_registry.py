"""An npm registry in the real one's shapes, with small icon sets of four things in it."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import io
import json
import tarfile
from collections.abc import Iterator, Mapping

import pytest

from model_training.datasets.icons.sets import DEFAULT_SETS, ICON_SETS, IconifySet, IconSet
from tests.model_training.datasets.test_sources.conftest import Service

#: What each thing is drawn of: icons that differ a little, as the sets do.
SHAPES = {
    "house": '<path d="M3 {0}L12 3l9 7v11H3z"/><path d="M9 21v-{0}h6v{0}"/>',
    "moon": '<path d="M21 {0}A9 9 0 1 1 11 3a7 7 0 0 0 10 {0}Z"/>',
    "sun": '<circle cx="12" cy="12" r="{0}"/><path d="M12 1v3M12 20v3M1 12h3M20 12h3"/>',
    "tree": '<g transform="translate(0 {0})"><path d="M12 1L4 12h16z"/><path d="M12 12v4"/></g>',
}
LINE = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" stroke="currentColor">{0}</svg>'
AREA = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="currentColor">{0}</svg>'
CLASSES = {label: dict.fromkeys(DEFAULT_SETS, (label,)) for label in SHAPES}


def pack(files: Mapping[str, str]) -> bytes:
    """A .tgz, the same for the same files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


def measure(archive: bytes) -> str:
    return f"sha512-{base64.b64encode(hashlib.sha512(archive).digest()).decode()}"


def record(service: Service, name: str, version: str, archive: bytes) -> None:
    """A version's record and its archive, as the registry answers them."""
    plain = name.rpartition("/")[2]
    tarball = f"/{name}/-/{plain}-{version}.tgz"
    service.answers[f"/{name.replace('/', '%2F')}/{version}"] = {
        "name": name,
        "version": version,
        "license": "MIT",
        "_id": f"{name}@{version}",
        "dist": {
            "integrity": measure(archive),
            "shasum": hashlib.sha1(archive).hexdigest(),
            "tarball": service.url + tarball,
            "fileCount": 3,
            "unpackedSize": len(archive),
        },
    }
    service.answers[tarball] = archive


def draw_files(chosen: IconSet, frame: str, number: int) -> dict[str, str]:
    shapes = {label: shape.format(number) for label, shape in SHAPES.items()}
    if isinstance(chosen, IconifySet):
        body = '<g fill="none" stroke="currentColor">{0}</g>'
        icons = {label: {"body": body.format(shape)} for label, shape in shapes.items()}
        return {chosen.path: json.dumps({"prefix": "small", "icons": icons, "width": 24, "height": 24})}
    return {chosen.place(label): frame.format(shape) for label, shape in shapes.items()}


def publish(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small packages of the default sets at `service`, which npm's variable names; the pins are theirs."""
    for number, name in enumerate(DEFAULT_SETS, 5):
        chosen = ICON_SETS[name]
        files = draw_files(chosen, AREA if name == "phosphor" else LINE, number)
        archive = pack(files | {chosen.licence_file: f"The licence of {name}"})
        package = dataclasses.replace(chosen.package, integrity=measure(archive))
        monkeypatch.setitem(ICON_SETS, name, dataclasses.replace(chosen, package=package))
        record(service, package.name, package.version, archive)
    monkeypatch.setattr("model_training.datasets.icons.source.CLASSES", CLASSES)
    monkeypatch.setenv("npm_config_registry", f"{service.url}/")


def packages() -> Iterator[str]:
    """The paths of the default sets' archives."""
    for name in DEFAULT_SETS:
        package = ICON_SETS[name].package
        yield f"/{package.name}/-/{package.name.rpartition('/')[2]}-{package.version}.tgz"
