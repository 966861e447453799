"""Write the corpus anew: a few small files for each target, ours, of every form that it reads.

Files of `found-…` are what fuzzing has found; they stay.
"""

from __future__ import annotations

import io
import json
import struct
import zipfile
from pathlib import Path

from tests.cards import make_card
from tests.frontend.video.films import make_film, make_song
from tests.hostile import encode, make_exif, make_gif, make_scans, make_tiff, make_webp, png_chunk, put_into_png
from tests.signing import picture

CORPUS = Path(__file__).with_name("corpus")
SMALL = (24, 16)


def make_pictures() -> dict[str, bytes]:
    made = {
        "rgb.jpg": encode("RGB", SMALL, "JPEG", (200, 30, 90)),
        "cmyk.jpg": encode("CMYK", SMALL, "JPEG"),
        "scans.jpg": make_scans(16, 3),
        "rgba.png": encode("RGBA", SMALL, "PNG", (1, 2, 3, 100)),
        "palette.png": encode("P", SMALL, "PNG"),
        "grey16.png": encode("I;16", SMALL, "PNG"),
        "text.png": put_into_png(encode("1", SMALL, "PNG"), png_chunk(b"tEXt", b"a\0b")),
        "frames.gif": make_gif(3),
        "rgb.bmp": encode("RGB", (8, 8), "BMP"),
        "deflated.tif": encode("RGB", SMALL, "TIFF", compression="tiff_deflate"),
        "claims.tif": make_tiff(4, 10**6),
        "lossless.webp": make_webp(16, 16, True),
        "lossy.webp": encode("RGB", SMALL, "WEBP", (1, 200, 3)),
        "rgb.avif": encode("RGB", SMALL, "AVIF", (1, 200, 3)),
    }  # fmt: skip
    return {name: data for name, data in made.items() if len(data) < 4096}


def make_provenance() -> dict[str, bytes]:
    rdf = b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
    rdf += b'xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:CreatorTool="Brush"/></rdf:RDF>'
    png = encode("L", (4, 4), "PNG")
    label = b'AIGC\0{"Label": "1", "ContentProducer": "x"}'
    return {
        "xmp.png": put_into_png(png, png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + rdf)),
        "label.png": put_into_png(png, png_chunk(b"tEXt", label)),
        "exif.png": put_into_png(png, png_chunk(b"eXIf", make_exif(3, 4))),
        "settings.png": put_into_png(png, png_chunk(b"tEXt", b"parameters\0Steps: 20, Sampler: Euler, Model: x")),
        "plain.jpg": picture(),
    }


def make_cards() -> dict[str, bytes]:
    tasks = ("classification", "multi_label", "sketch", "detection")
    return {f"{task}.json": make_card(task=task).model_dump_json(exclude_unset=True).encode() for task in tasks}


def make_manifests() -> dict[str, bytes]:
    rows = [{"path": "a.png", "label": "x"}, {"path": "b/한국.jpg", "label": "y"}, {"path": "c.png", "label": "x;y"}]
    text = "path,label,split\na.png,x,train\nb/한국.jpg,산수화,test\n"
    return {
        "plain.csv": text.encode(),
        "korean.csv": text.encode("cp949"),
        "wide.csv": text.encode("utf-16"),
        "excel.csv": b'sep=;\nfile;class\n"a.png";"x;y"\nc.png;y\n',
        "nameless.csv": b"a.png 0.000000\nc.png 1.000000\n",
        "one_hot.csv": b"filename\tcat\tdog\na.png\t1\t0\nc.png\t0\t1\n",
        "list.json": json.dumps(rows).encode(),
        "lines.jsonl": "\n".join(map(json.dumps, rows)).encode(),
        "columns.json": b'{"path": {"0": "a.png"}, "label": {"0": "x"}}',
        "names.json": b'{"a.png": "x", "c.png": {"label": "y"}}',
    }


def make_zips() -> dict[str, bytes]:
    made = {}
    for name, kind in (("stored", 0), ("deflated", 8), ("bzip2", 12), ("lzma", 14)):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", kind) as archive:
            archive.writestr("folder/한국.png", b"picture" * 20)
            archive.writestr("../a.png", b"")
            archive.mkdir("empty")
        made[f"{name}.zip"] = buffer.getvalue()
    return made


def make_films() -> dict[str, bytes]:
    short = {"seconds": 0.4, "rate": 10, "size": (16, 16)}
    return {
        "film.mp4": make_film(**short),
        "fragments.mp4": make_film(**short, options={"movflags": "frag_keyframe+empty_moov"}),
        "film.webm": make_film("webm", "libvpx-vp9", **short),
        "film.avi": make_film("avi", "mjpeg", pixels="yuvj420p", **short),
        "film.gif": make_film("gif", "gif", pixels="rgb8", **short),
        "song.m4a": make_song(),
    }


def make_tables() -> dict[str, bytes]:
    def box(kind: bytes, *contents: bytes) -> bytes:
        body = b"".join(contents)
        return struct.pack(">I4s", 8 + len(body), kind) + body

    start = box(b"ftyp", b"isom")
    sizes = box(b"stsz", struct.pack(">III", 0, 0, 2), bytes(8))
    times = box(b"stts", struct.pack(">III", 0, 1, 2), bytes(4))
    run = box(b"trun", struct.pack(">II", 0x300, 2), bytes(16))
    track = box(b"trak", box(b"mdia", box(b"minf", box(b"stbl", sizes, times))))
    return {
        "track.mp4": start + box(b"moov", track) + box(b"mdat", bytes(32)),
        "fragment.mp4": start + box(b"moov", track) + box(b"moof", box(b"traf", run)) + box(b"mdat", bytes(32)),
        "long.mp4": start + struct.pack(">I4sQ", 1, b"mdat", 24) + bytes(8) + struct.pack(">I4s", 0, b"moov") + track,
    }


def make_requests() -> dict[str, bytes]:
    image = encode("L", (2, 2), "PNG")
    form = b'--x\r\nContent-Disposition: form-data; name="data"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'
    form += image + b"\r\n--x--\r\n"
    start = b"POST /api/v1/models/a/predict HTTP/1.1\r\nHost: x\r\n"
    body, coded = b"Content-Length: %d\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n"
    png, multipart = b"Content-Type: image/png\r\n", b"Content-Type: multipart/form-data; boundary=x\r\n"
    raw = start + png + body % len(image) + image
    chunks = b"%x;a=b\r\n%s\r\n0\r\nT: r\r\n\r\n" % (len(image), image)
    return {
        "raw": raw,
        "chunked": start + png + coded + chunks,
        "form": start + multipart + body % len(form) + form,
        "form_chunked": start + multipart + coded + b"%x\r\n%s\r\n0\r\n\r\n" % (len(form), form),
        "two": raw + b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "expects": start + png + b"Expect: 100-continue\r\n" + body % 4 + b"abcd",
        "cut": start + png + body % 900 + image,
    }


def make_batches() -> dict[str, bytes]:
    def part(content: bytes, named: bytes = b'; filename="a.png"') -> bytes:
        return b'--x\r\nContent-Disposition: form-data; name="file"' + named + b"\r\n\r\n" + content + b"\r\n"

    image, end = encode("L", (2, 2), "PNG"), b"--x--\r\n"
    deflated = make_zips()["deflated.zip"]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in ("a.png", ".hidden.png", "__MACOSX/a.png", "notes.txt", "inner.zip", "한국.png"):
            archive.writestr(name, image)
    return {
        "two": part(image) + part(image) + end,
        "empty_file": part(b"") + part(image) + end,
        "field": part(b"1", b"") + part(image) + end,
        "zip_in_form": part(deflated, b'; filename="a.zip"') + end,
        "names.zip": buffer.getvalue(),
        "deflated.zip": deflated,
    }


MAKERS = {
    "batch": make_batches,
    "card": make_cards,
    "film": make_films,
    "manifest": make_manifests,
    "picture": make_pictures,
    "provenance": make_provenance,
    "request": make_requests,
    "tables": make_tables,
    "zip_file": make_zips,
}


if __name__ == "__main__":
    for target, make in MAKERS.items():
        folder = CORPUS / target
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.iterdir():
            if not path.name.startswith("found-"):
                path.unlink()
        for name, data in make().items():
            (folder / name).write_bytes(data)
