"""The icon sets that can be drawn from: package, version, hash, licence, and where an icon lies in the package."""

from __future__ import annotations

from dataclasses import dataclass

from ..sources.npm import Package


@dataclass(frozen=True)
class IconSet:
    """`path` holds {} where an icon's name goes; `authors` are whom the licence names."""

    package: Package
    path: str
    licence_file: str
    authors: str

    def place(self, icon: str) -> str:
        return self.path.format(icon)


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
}

#: Those whose licence asks for no more than to be named. What is drawn from OpenMoji has to be shared alike.
DEFAULT_SETS = ("lucide", "tabler", "phosphor")
