"""What anybody can write into a file: found in every format, understood, and never read without end."""

from __future__ import annotations

import io
import json
import struct
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, PngImagePlugin

from model_training.runtime.provenance.credentials import CredentialsReader
from model_training.runtime.provenance.read import read_provenance
from model_training.runtime.provenance.source_types import read_source_type
from model_training.runtime.provenance.statement import Provenance, Statement, Unread, conclude, tidy
from model_training.runtime.provenance.xmp import LONGEST, read_xmp
from tests.conftest import shared_folder
from tests.signing import Maker, created, picture

SETTINGS = (
    "a heron over reeds, ink\nNegative prompt: photograph\n"
    "Steps: 28, Sampler: DPM++ 2M, CFG scale: 7, Seed: 4, Size: 512x512, Model: dreamer_8"
)
MAKE, MODEL, SOFTWARE, DESCRIPTION, USER_COMMENT, EXIF_IFD = 0x010F, 0x0110, 0x0131, 0x010E, 0x9286, 0x8769


def xmp(attributes: str = "", elements: str = "") -> bytes:
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
        'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
        'xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" '
        'xmlns:dcterms="http://purl.org/dc/terms/" xmlns:TC260="http://www.tc260.org.cn/ns/AIGC/1.0/" '
        f'{attributes}>{elements}</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()


SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
BY_AI = xmp(f'Iptc4xmpExt:DigitalSourceType="{SOURCE_TYPE}"')


def png(**texts: str) -> bytes:
    info = PngImagePlugin.PngInfo()
    for key, text in texts.items():
        info.add_text(key, text, zip=len(text) > 200)
    return picture("PNG", pnginfo=info)


def exif(tags: dict[int, Any], comment: bytes = b"") -> bytes:
    found = Image.Exif()
    for tag, value in tags.items():
        found[tag] = value
    if comment:
        found.get_ifd(EXIF_IFD)[USER_COMMENT] = comment
    return found.tobytes()


def chunk(kind: bytes, body: bytes, length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    return struct.pack(">I", size) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def with_chunks(*chunks: bytes, after_pixels: bool = False) -> bytes:
    plain = picture("PNG")
    place = plain.index(b"IEND") - 4 if after_pixels else 33
    return plain[:place] + b"".join(chunks) + plain[place:]


@pytest.fixture(scope="module")
def strangers() -> CredentialsReader:
    return CredentialsReader(None)


def read(data: bytes, reader: CredentialsReader) -> Provenance:
    return read_provenance(data, reader)


def claim(source: Any, says: Any, name: str | None = None) -> Statement:
    return Statement(source, says, "claimed", name)


FILES: dict[str, tuple[bytes, list[Statement]]] = {
    "nothing": (picture("JPEG"), []),
    "xmp in a JPEG": (picture("JPEG", xmp=BY_AI), [claim("digital_source_type", "ai")]),
    "xmp in a WebP": (picture("WEBP", xmp=BY_AI), [claim("digital_source_type", "ai")]),
    "xmp in an AVIF": (picture("AVIF", xmp=BY_AI), [claim("digital_source_type", "ai")]),
    "xmp in a PNG": (png(**{"XML:com.adobe.xmp": BY_AI.decode()}), [claim("digital_source_type", "ai")]),
    "xmp in a TIFF": (picture("TIFF", tiffinfo={700: BY_AI}), [claim("digital_source_type", "ai")]),
    "xmp after the pixels": (
        with_chunks(chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + BY_AI), after_pixels=True),
        [claim("digital_source_type", "ai")],
    ),
    "xmp as an element": (
        picture(xmp=xmp("", f'<Iptc4xmpExt:DigitalSourceType rdf:resource="{SOURCE_TYPE}"/>')),
        [claim("digital_source_type", "ai")],
    ),
    "xmp of an edit": (
        picture(
            xmp=xmp(
                'photoshop:Credit="Edited with Google AI"',
                "<Iptc4xmpExt:DigitalSourceType>compositeWithTrainedAlgorithmicMedia</Iptc4xmpExt:DigitalSourceType>",
            )
        ),
        [claim("digital_source_type", "ai_edited"), claim("credit", "ai_edited", "Edited with Google AI")],
    ),
    "an AI system": (
        picture(xmp=xmp('Iptc4xmpExt:AISystemUsed="Painter 3"')),
        [claim("digital_source_type", "ai", "Painter 3")],
    ),
    "Google's credit": (
        picture(xmp=xmp('photoshop:Credit="Made with Google AI"')),
        [claim("credit", "ai", "Made with Google AI")],
    ),
    "a person's credit": (picture(xmp=xmp('photoshop:Credit="Kim Hong-do"')), []),
    "TC260's label in XMP": (
        picture(xmp=xmp("", '<TC260:AIGC>{"Label": "1", "ContentProducer": "001X"}</TC260:AIGC>')),
        [claim("aigc_label", "ai", "001X")],
    ),
    "TC260's label in a PNG": (
        png(AIGC='{"Label": 3, "ContentPropagator": "somebody"}'),
        [claim("aigc_label", "ai", "somebody")],
    ),
    "TC260's label in EXIF": (
        picture(exif=exif({}, b"ASCII\0\0\0" + json.dumps({"AIGC": {"Label": "1"}}).encode())),
        [claim("aigc_label", "ai")],
    ),
    "a label that denies it": (png(AIGC='{"Label": "0"}'), []),
    "AUTOMATIC1111": (png(parameters=SETTINGS), [claim("generation_settings", "ai", "Stable Diffusion, dreamer_8")]),
    "AUTOMATIC1111 in a JPEG": (
        picture(exif=exif({}, b"UNICODE\0" + SETTINGS.encode("utf-16-be"))),
        [claim("generation_settings", "ai", "Stable Diffusion, dreamer_8")],
    ),
    "AUTOMATIC1111 in a WebP": (
        picture("WEBP", exif=exif({}, b"UNICODE\0" + SETTINGS.encode("utf-16-le"))),
        [claim("generation_settings", "ai", "Stable Diffusion, dreamer_8")],
    ),
    "ComfyUI": (
        png(prompt='{"3": {"class_type": "KSampler", "inputs": {}}}', workflow='{"nodes": []}'),
        [claim("generation_settings", "ai", "ComfyUI")],
    ),
    "InvokeAI": (png(invokeai_metadata="{}"), [claim("generation_settings", "ai", "InvokeAI")]),
    "NovelAI": (
        png(Software="NovelAI", Comment='{"steps": 28}', Description="a heron"),
        [claim("generation_settings", "ai", "NovelAI")],
    ),
    "Midjourney": (
        png(Description="a heron --v 6 Job ID: 0f8e1c2a-1111-2222-3333-444455556666", Author="someone"),
        [claim("generation_settings", "ai", "Midjourney")],
    ),
    "a prompt that is a sentence": (png(prompt="Draw a heron.", parameters="none", Comment="Steps"), []),
    "a camera": (
        picture(exif=exif({MAKE: "Canon", MODEL: "Canon EOS R5", SOFTWARE: "Firmware 1.5"})),
        [claim("camera", "camera", "Canon EOS R5")],
    ),
    "a camera and an editor": (
        picture(exif=exif({MAKE: "NIKON", MODEL: "Z 8", SOFTWARE: "Adobe Photoshop 26.0"})),
        [claim("camera", "camera", "NIKON Z 8"), claim("software", "software", "Adobe Photoshop 26.0")],
    ),
    "a camera in a PNG": (
        with_chunks(chunk(b"eXIf", exif({MODEL: "Pixel 9"})[6:])),
        [claim("camera", "camera", "Pixel 9")],
    ),
    "a program": (picture(exif=exif({SOFTWARE: "Inkscape"})), [claim("software", "software", "Inkscape")]),
    "Firefly": (
        picture(xmp=xmp('xmp:CreatorTool="Adobe Firefly"')),
        [claim("software", "ai", "Adobe Firefly")],
    ),
    "a name with the letters of one": (
        picture(exif=exif({SOFTWARE: "Fluxbox Geminiani"})),
        [claim("software", "software", "Fluxbox Geminiani")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_what_a_file_claims(name: str, strangers: CredentialsReader) -> None:
    data, claims = FILES[name]
    found = read(data, strangers)
    assert list(found.statements) == claims
    assert found.unread == ()
    assert found == conclude(claims)


def test_iptcs_older_credit_line(strangers: CredentialsReader) -> None:
    line = b"Made with Google AI"
    records = b"\x1c\x02\x6e" + struct.pack(">H", len(line)) + line
    resource = b"8BIM" + struct.pack(">H", 0x0404) + b"\0\0" + struct.pack(">I", len(records)) + records
    body = b"Photoshop 3.0\0" + resource + b"\0" * (len(records) % 2)
    plain = picture()
    data = plain[:20] + b"\xff\xed" + struct.pack(">H", len(body) + 2) + body + plain[20:]
    assert read(data, strangers).statements == (claim("credit", "ai", "Made with Google AI"),)


def test_a_signature_on_the_list_beats_what_anybody_wrote(
    reader: CredentialsReader, strangers: CredentialsReader, maker: Maker
) -> None:
    taken = maker.sign(picture(xmp=BY_AI), created("digitalCapture", by="Camera 1"))
    assert [(each.says, each.level) for each in read(taken, reader).statements] == [
        ("camera", "signed"),
        ("ai", "claimed"),
    ]
    assert (read(taken, reader).says, read(taken, reader).level) == ("camera", "signed")
    # A stranger's signature is worth no more than a note.
    assert (read(taken, strangers).says, read(taken, strangers).level) == ("ai", "claimed")


def test_broken_credentials_say_nothing_and_are_not_hidden(reader: CredentialsReader, maker: Maker) -> None:
    altered = bytearray(maker.sign(picture(), created()))
    altered[-30] ^= 0xFF
    found = read(bytes(altered), reader)
    assert (found.says, found.level) == ("nothing", "invalid")
    altered = bytearray(maker.sign(picture(exif=exif({MODEL: "Pixel 9"})), created()))
    altered[-30] ^= 0xFF
    found = read(bytes(altered), reader)
    assert (found.says, found.level, len(found.statements)) == ("camera", "claimed", 2)


def test_that_a_program_saved_it_hides_no_claim_of_ai() -> None:
    saved = Statement("credentials", "software", "signed", "Editor")
    assert conclude([saved, claim("digital_source_type", "ai")]).says == "ai"
    assert (conclude([saved]).says, conclude([saved]).level) == ("software", "signed")
    assert (conclude([]).says, conclude([]).level) == ("nothing", None)


def test_an_answer_is_json_without_what_is_not_known(reader: CredentialsReader, maker: Maker) -> None:
    answer = read(maker.sign(picture(), created()), reader).as_answer()
    assert json.loads(json.dumps(answer)) == {
        "says": "ai",
        "level": "signed",
        "statements": [
            {
                "source": "credentials",
                "says": "ai",
                "level": "signed",
                "name": "Brush AI",
                "signer": {
                    "organisation": "Brush Co",
                    "name": "Signing desk",
                    "issuer": "Hwapung's tests",
                    "self_signed": False,
                },
            }
        ],
        "unread": [],
    }
    assert read(picture(), reader).as_answer() == {"says": "nothing", "level": None, "statements": [], "unread": []}


def test_credentials_on_a_server_are_not_fetched(strangers: CredentialsReader) -> None:
    data = picture(xmp=xmp('dcterms:provenance="https://example.org/credentials.c2pa"'))
    assert read(data, strangers).unread == (Unread("credentials", "elsewhere"),)


BOMB = zlib.compress(b"a" * 100_000_000, 9)
BOMBED = chunk(b"zTXt", b"note\0\0" + BOMB)
ENTITIES = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(9))
LAUGHS = f'<!DOCTYPE x [<!ENTITY l0 "ha">{ENTITIES}]><x>&l9;</x>'.encode()


def tiff_of(entries: int, value: int) -> bytes:
    """A TIFF's head whose many entries all claim the same megabytes."""
    entry = b"".join(struct.pack("<HHII", 0x010E, 2, value, 8) for _ in range(entries))
    return b"II*\0" + struct.pack("<I", 8 + value) + b"x" * value + struct.pack("<H", entries) + entry + b"\0" * 4


HARMFUL: dict[str, tuple[bytes, tuple[Unread, ...]]] = {
    "text that inflates to 100 MB": (with_chunks(BOMBED), (Unread("png_text", "cut"),)),
    "XMP that inflates to 100 MB": (
        with_chunks(chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + BOMB)),
        (Unread("png_text", "cut"), Unread("xmp", "cut")),
    ),
    "50 MB of text": (with_chunks(chunk(b"tEXt", b"note\0" + b"a" * 50_000_000)), (Unread("png_text", "cut"),)),
    "50 MB of EXIF": (
        with_chunks(chunk(b"eXIf", b"II*\0" + struct.pack("<I", 49_000_000) + b"a" * 50_000_000)),
        (Unread("exif", "cut"), Unread("exif", "unreadable")),
    ),
    "a chunk longer than the file": (with_chunks(chunk(b"tEXt", b"note\0a", 2**31)), (Unread("png_text", "cut"),)),
    "broken compression": (with_chunks(chunk(b"zTXt", b"note\0\0" + b"no zlib")), (Unread("png_text", "unreadable"),)),
    "text without an end": (with_chunks(chunk(b"iTXt", b"note")), (Unread("png_text", "unreadable"),)),
    "a million chunks": (with_chunks(chunk(b"tEXt", b"") * 1_000_000), (Unread("png_text", "cut"),)),
    "billion laughs": (picture("WEBP", xmp=LAUGHS), (Unread("xmp", "unreadable"),)),
    "an outside file": (
        picture("WEBP", xmp=b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>'),
        (Unread("xmp", "unreadable"),),
    ),
    "XMP a million deep": (picture("WEBP", xmp=b"<a>" * 1_000_000), (Unread("xmp", "unreadable"),)),
    "XMP of 50 MB": (picture("WEBP", xmp=BY_AI[:-40] + b" " * 50_000_000), (Unread("xmp", "cut"),)),
    "XMP that is none": (picture("WEBP", xmp=b"\xff\xfe\0<"), (Unread("xmp", "unreadable"),)),
    "XMP in an unknown encoding": (
        picture("WEBP", xmp=b'<?xml version="1.0" encoding="klingon"?><x/>'),
        (Unread("xmp", "unreadable"),),
    ),
    "EXIF without a head": (picture("WEBP", exif=b"no TIFF at all"), (Unread("exif", "unreadable"),)),
    "EXIF that ends early": (picture("WEBP", exif=exif({MODEL: "Pixel"})[:-20]), (Unread("exif", "unreadable"),)),
    "EXIF of 60,000 entries of 10 MB": (tiff_of(60_000, 10_000_000), ()),
    "no picture": (b"GIF89a and no more", (Unread("file", "unreadable"),)),
    "a JPEG's first bytes": (picture()[:30], (Unread("file", "unreadable"),)),
}  # fmt: skip


@pytest.mark.parametrize("name", HARMFUL)
def test_harmful_metadata_are_stated_and_take_no_more_room_than_the_file(
    name: str, strangers: CredentialsReader
) -> None:
    data, unread = HARMFUL[name]
    tracemalloc.start()
    found = read(data, strangers)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.unread == unread
    assert most < 2**24 + 4 * len(data)


def test_a_directory_is_read_no_further_than_any_camera_fills_it(strangers: CredentialsReader) -> None:
    for others, claims in ((500, (claim("camera", "camera", "Z 8"),)), (600, ())):
        entries = [struct.pack("<HHII", 0x8000, 4, 1, 0)] * others + [struct.pack("<HHI4s", MODEL, 2, 4, b"Z 8\0")]
        data = b"II*\0" + struct.pack("<IH", 8, len(entries)) + b"".join(entries)
        assert read(data, strangers).statements == claims


def test_what_stands_before_the_cut_counts(strangers: CredentialsReader) -> None:
    data, _ = HARMFUL["XMP of 50 MB"]
    assert read(data, strangers).says == "ai"
    properties, fault = read_xmp(xmp('xmp:CreatorTool="Brush"')[:-40] + b"<unclosed")
    assert fault == "unreadable"
    assert properties == {("http://ns.adobe.com/xap/1.0/", "CreatorTool"): ["Brush"]}
    assert LONGEST < 10**6


def test_a_picture_stays_readable_beside_a_note_of_any_length(strangers: CredentialsReader) -> None:
    data = with_chunks(chunk(b"tEXt", b"parameters\0" + b"x" * 2**20 + SETTINGS.encode()))
    assert read(data, strangers).unread == (Unread("png_text", "cut"),)
    data = with_chunks(chunk(b"tEXt", b"parameters\0" + SETTINGS.encode()), BOMBED)
    assert read(data, strangers).says == "ai"


def test_names_are_tidied() -> None:
    assert tidy("  a\n b\u202e\0c ") == "a b c"
    assert tidy("\0\n") is None
    assert tidy("x" * 500) == "x" * 79 + "…"


def test_source_types_by_address_or_name() -> None:
    assert read_source_type(SOURCE_TYPE) == "ai"
    assert read_source_type("https://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture/") == "camera"
    assert read_source_type("trainedAlgorithmicMedia") == "ai"
    assert read_source_type("http://c2pa.org/digitalsourcetype/empty") == "nothing"
    assert read_source_type(None) == "nothing"


def test_real_photographs_are_read_without_a_fault(strangers: CredentialsReader) -> None:
    files = [path for path in sorted(shared_folder("data").rglob("*")) if path.suffix in (".jpg", ".jpeg", ".png")]
    for path in files[:: max(1, len(files) // 40)]:
        assert read(Path(path).read_bytes(), strangers).unread == ()


def test_a_decoder_sees_nothing_of_it() -> None:
    """The files above are pictures, not only metadata."""
    for name in ("xmp in a WebP", "AUTOMATIC1111 in a JPEG", "xmp after the pixels"):
        with Image.open(io.BytesIO(FILES[name][0])) as image:
            image.load()
            assert image.size == (64, 48)
