"""The icon sets that can be drawn from: package, version, hash, licence, and where an icon lies in the package."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..sources.npm import Package


@dataclass(frozen=True)
class IconSet:
    """`path` holds {} where an icon's name goes; `authors` are whom the licence names, `licence_file` says so."""

    package: Package
    path: str
    licence_file: str
    authors: str

    def place(self, icon: str) -> str:
        return self.path.format(icon)

    def find(self, icons: Sequence[str], files: Mapping[str, bytes]) -> Iterator[bytes]:
        """Each icon's SVG, of the package's `files`, by place."""
        return (files[self.place(icon)] for icon in icons)


class IconifySet(IconSet):
    """All icons in one file of Iconify's JSON form (iconify.design/docs/types/iconify-json.html)."""

    def find(self, icons: Sequence[str], files: Mapping[str, bytes]) -> Iterator[bytes]:
        collection = json.loads(files[self.path])
        for icon in icons:
            own = {"width": collection["width"], "height": collection["height"]} | collection["icons"][icon]
            box = f"0 0 {own['width']} {own['height']}"
            yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}">{own["body"]}</svg>'.encode()


ICON_SETS = {
    "lucide": IconSet(
        Package(
            "lucide-static",
            "1.62.0",
            "sha512-WBZA/m2PvkFpMGHDtsBck5P2A9G4ehLlYu4GwwICcmEm1BvYVgj00lCDxKRWLlbMlOibLaiwdQ88G5pHkSWgwA==",
            "ISC",
        ),
        "package/icons/{}.svg",
        "package/LICENSE",
        "Lucide Contributors",
    ),
    "tabler": IconSet(
        Package(
            "@tabler/icons",
            "3.52.0",
            "sha512-dldKlJNfO/gZnGLcIY0X2EFFKIMGwL/rEvTqglvBgAPFiwj9pZOCN5V3Sf0Gyjq6foX4VQmLdOmsS4w5FdWKAw==",
            "MIT",
        ),
        "package/icons/outline/{}.svg",
        "package/LICENSE",
        "Paweł Kuna",
    ),
    "phosphor": IconSet(
        Package(
            "@phosphor-icons/core",
            "2.1.1",
            "sha512-v4ARvrip4qBCImOE5rmPUylOEK4iiED9ZyKjcvzuezqMaiRASCHKcRIuvvxL/twvLpkfnEODCOJp5dM4eZilxQ==",
            "MIT",
        ),
        "package/assets/thin/{}-thin.svg",
        "package/LICENSE",
        "Phosphor Icons",
    ),
    "openmoji": IconSet(
        Package(
            "openmoji",
            "17.0.0",
            "sha512-EBnYrNGdcdw+OSXmENeNE1yBNRu6tOraTmoOyUbJkTmvT/+XETp8RZLSJFzD3lrPc5N9CzsyPnRTk0Vp4UaI9w==",
            "CC-BY-SA-4.0",
        ),
        "package/black/svg/{}.svg",
        "package/LICENSE.txt",
        "OpenMoji",
    ),
    "iconoir": IconSet(
        Package(
            "iconoir",
            "7.12.1",
            "sha512-7ei4jd1bss0Ukyz/bbM9Zc96aLfZuwTEkSW8u5fx5h3X9912MsnmWwPw9LyTUtcf0ShfTzQeQ9oG7IslW3hrLg==",
            "MIT",
        ),
        "package/icons/regular/{}.svg",
        "package/LICENSE",
        "Luca Burgio",
    ),
    "iconpark": IconifySet(
        Package(
            "@iconify-json/icon-park-outline",
            "1.2.4",
            "sha512-NyZxXe2gD2TbTOyoRRMdtEJhr6i2KQCdDlYYoOn5oZLndQjwpIhw79hzeFhXvP38/o40D3gQ+l+IaSJgbB+0TQ==",
            "Apache-2.0",
        ),
        "package/icons.json",
        "package/info.json",
        "ByteDance",
    ),
    "hugeicons": IconifySet(
        Package(
            "@iconify-json/hugeicons",
            "1.2.35",
            "sha512-c06tY90JZnKhOLBAKoQ1z2pqXMRdATuYXslTKwaaIAjLzKsTIsE+GGknY6+qo/SP0U/NG9xQjr4N+zfDqOeQiQ==",
            "MIT",
        ),
        "package/icons.json",
        "package/info.json",
        "Hugeicons",
    ),
}

#: Those whose licence asks for no more than to be named. What is drawn from OpenMoji has to be shared alike.
DEFAULT_SETS = ("lucide", "tabler", "phosphor", "iconoir", "iconpark", "hugeicons")
