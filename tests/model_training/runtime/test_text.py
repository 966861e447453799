from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from matplotlib import font_manager
from PIL import Image, ImageDraw, ImageFont

from model_training.fonts import FAMILIES
from model_training.runtime.architecture import Preprocessing
from model_training.runtime.preprocess import fit, read
from model_training.runtime.text import looks_like_text
from tests.conftest import shared_folder

PREPROCESSING = Preprocessing(fit="stretch", height=224, width=224, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
WORDS = {
    "latin": "the ink of a river and light over old paper in the village of winter stone and water",
    "hangul": "먹으로 그린 산수화 속 강물과 오래된 종이 위에 비친 겨울 마을의 돌과 물과 빛",
}


def draw_page(script: str, size: int, seed: int) -> Image.Image:
    """An A4 page at 100 dots an inch, in paragraphs, in the font that the charts come with."""
    chosen = random.Random(seed)
    page = Image.new("RGB", (840, 1188), (250, 248, 242))
    pen = ImageDraw.Draw(page)
    font = ImageFont.truetype(font_manager.findfont(FAMILIES[0]), size)
    for top in np.arange(90, 1090 - size, 1.6 * size):
        if chosen.random() < 0.08:  # a paragraph ends
            continue
        line = ""
        while pen.textlength(line, font) < 620:
            line += chosen.choice(WORDS[script].split()) + " "
        pen.text((80, float(top)), line, (25, 25, 30), font)
    return page


@pytest.mark.parametrize("script", WORDS)
@pytest.mark.parametrize("turned", [False, True])
def test_pages_of_text_are_found(script: str, turned: bool) -> None:
    pages = [draw_page(script, size, seed) for seed, size in enumerate((20, 26, 34, 44))]
    if turned:
        pages = [page.transpose(Image.Transpose.ROTATE_90) for page in pages]
    assert all(looks_like_text(Image.fromarray(fit(page, PREPROCESSING)).convert("L")) for page in pages)


@pytest.mark.parametrize("name", ["landscape", "painting_styles", "sketches", "ai_vs_real"])
def test_paintings_drawings_and_photographs_are_no_text(name: str) -> None:
    folder = shared_folder("data") / name
    files = sorted(path for path in Path(folder).rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    chosen = random.Random(1).sample(files, 60)
    assert [
        path.name
        for path in chosen
        if looks_like_text(Image.fromarray(read(path.read_bytes(), PREPROCESSING)).convert("L"))
    ] == []
