"""What metadata claim about a picture's origin. Anybody can write and remove any of it, so all of it is `claimed`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

from .metadata import DESCRIPTION, MAKE, MODEL, SOFTWARE, USER_COMMENT, Metadata
from .source_types import read_source_type
from .statement import Says, Source, Statement, Unread, tidy
from .xmp import Properties, read_xmp

_IPTC_EXTENSION = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_PHOTOSHOP = "http://ns.adobe.com/photoshop/1.0/"
_XAP = "http://ns.adobe.com/xap/1.0/"
_TIFF = "http://ns.adobe.com/tiff/1.0/"
_TERMS = "http://purl.org/dc/terms/"

_AI_EDIT = re.compile(r"\bedited (with|by) (google )?ai\b|\bgenerative (fill|expand)\b", re.IGNORECASE)
#: Programs and services that only generate, as they name themselves in software tags and credit lines.
_GENERATORS = re.compile(
    r"midjourney|dall[·\-. ]?e\b|openai|chatgpt|\bgpt-(4o|image)|adobe firefly|stable ?diffusion|dreamstudio|novelai|"
    r"comfyui|invokeai|fooocus|swarmui|automatic1111|leonardo\.?ai|ideogram|\bimagen\b|\bgemini\b|google ai\b|"
    r"bing image creator|black forest labs|\bflux\.?[12]\b|meta ai\b|imagined with ai|made with ai\b|ai[- ]generated",
    re.IGNORECASE,
)
_EDITORS = re.compile(
    r"photoshop|lightroom|gimp|affinity|snapseed|picsart|pixelmator|paint\.net|krita|canva|acdsee|capture one|"
    r"darktable|rawtherapee|imagemagick|procreate|clip studio",
    re.IGNORECASE,
)
_MIDJOURNEY_JOB = re.compile(r"\bJob ID: [0-9a-f]{8}-")
#: The line that ends the settings of Stable Diffusion's interfaces.
_SETTINGS = re.compile(r"\bSteps: \d+,.{0,400}\b(Sampler|CFG scale|Seed): ", re.DOTALL)
_SETTINGS_MODEL = re.compile(r"\bModel: ([^,\n]{1,80})")
_COMFY_NODE = re.compile(r'"class_type"\s*:')


def read_declarations(metadata: Metadata) -> tuple[list[Statement], list[Unread]]:
    """Returns what the metadata claim, without repetitions, and what of them could not be read."""
    unread = list(metadata.unread)
    properties: Properties = {}
    if metadata.xmp:
        properties, fault = read_xmp(metadata.xmp)
        if fault:
            unread.append(Unread("xmp", fault))
    if any(value.startswith("http") for value in properties.get((_TERMS, "provenance"), [])):
        unread.append(Unread("credentials", "elsewhere"))
    claims = [*_of_xmp(properties), *_of_texts(metadata.texts), *_of_exif(metadata.exif)]
    if metadata.credit:
        claims += _of_credit(metadata.credit)
    return list(dict.fromkeys(claims)), unread


def _claim(source: Source, says: Says, name: object = None) -> Statement:
    return Statement(source, says, "claimed", tidy(name) if name else None)


def _of_xmp(properties: Properties) -> Iterator[Statement]:
    def first(namespace: str, name: str) -> str:
        return properties.get((namespace, name), [""])[0]

    system = first(_IPTC_EXTENSION, "AISystemUsed")
    types = [read_source_type(value) for value in properties.get((_IPTC_EXTENSION, "DigitalSourceType"), [])]
    if system and not {"ai", "ai_edited"} & set(types):
        types.append("ai")
    for says in types:
        if says != "nothing":
            yield _claim("digital_source_type", says, system)
    for (_, name), values in properties.items():
        if name == "AIGC":  # in TC260's namespace, whose address is not always written alike
            yield from _of_label(values[0])
    yield from _of_credit(first(_PHOTOSHOP, "Credit"))
    yield from _of_machine(first(_TIFF, "Make"), first(_TIFF, "Model"), first(_TIFF, "Software"))
    yield from _of_machine("", "", first(_XAP, "CreatorTool"))


def _of_texts(texts: Mapping[str, str]) -> Iterator[Statement]:
    """The text chunks of a PNG, and a JPEG's comment."""
    if "invokeai_metadata" in texts or "sd-metadata" in texts:
        yield _claim("generation_settings", "ai", "InvokeAI")
    if _COMFY_NODE.search(texts.get("prompt", "")) or '"nodes"' in texts.get("workflow", ""):
        yield _claim("generation_settings", "ai", "ComfyUI")
    if texts.get("Software", "").startswith("NovelAI"):
        yield _claim("generation_settings", "ai", "NovelAI")
    else:
        yield from _of_machine("", "", texts.get("Software", ""))
    for key in ("parameters", "Comment", "Description"):
        yield from _of_note(texts.get(key, ""))
    if "AIGC" in texts:
        yield from _of_label(texts["AIGC"])


def _of_exif(exif: Mapping[int, str]) -> Iterator[Statement]:
    for tag in (USER_COMMENT, DESCRIPTION):
        yield from _of_note(exif.get(tag, ""))
    yield from _of_machine(exif.get(MAKE, ""), exif.get(MODEL, ""), exif.get(SOFTWARE, ""))


def _of_note(text: str) -> Iterator[Statement]:
    """A free text in which a generator may have left its settings."""
    if _SETTINGS.search(text):
        model = _SETTINGS_MODEL.search(text)
        yield _claim("generation_settings", "ai", f"Stable Diffusion, {model[1]}" if model else "Stable Diffusion")
    elif _MIDJOURNEY_JOB.search(text):
        yield _claim("generation_settings", "ai", "Midjourney")
    elif text.lstrip().startswith("{") and '"AIGC"' in text[:200]:
        yield from _of_label(text)
    elif _COMFY_NODE.search(text):
        yield _claim("generation_settings", "ai", "ComfyUI")


def _of_label(text: str) -> Iterator[Statement]:
    """The implicit label of GB 45438-2025: JSON whose `Label` is 1 where the content is AI's, 2 where it may be, 3
    where it is suspected; with who made or spread it."""
    try:
        content = json.loads(text)
        content = content.get("AIGC", content)
        label = str(content.get("Label"))
        name = content.get("ContentProducer") or content.get("ContentPropagator")
    except (ValueError, AttributeError, RecursionError):
        return
    if label in ("1", "2", "3"):
        yield _claim("aigc_label", "ai", name)


def _of_credit(text: str) -> Iterator[Statement]:
    """A credit line names people far more often than programs: only what it says of AI counts."""
    if _AI_EDIT.search(text):
        yield _claim("credit", "ai_edited", text)
    elif _GENERATORS.search(text):
        yield _claim("credit", "ai", text)


def _of_machine(make: str, model: str, software: str) -> Iterator[Statement]:
    """A camera's software is its firmware, which says nothing; without a camera, software made the file."""
    camera = model if model.lower().startswith(make.lower()) else f"{make} {model}"
    if camera.strip():
        yield _claim("camera", "camera", camera)
    if _AI_EDIT.search(software):
        yield _claim("software", "ai_edited", software)
    elif _GENERATORS.search(software):
        yield _claim("software", "ai", software)
    elif software.strip() and (not camera.strip() or _EDITORS.search(software)):
        yield _claim("software", "software", software)
