"""Long strips: where they are cut, what is answered of the whole, and how they are trained on."""

from __future__ import annotations

import io
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model_training.datasets.check import check_dataset
from model_training.datasets.duplicates import unite_strips
from model_training.datasets.file_audit import audit_files
from model_training.datasets.findings import Findings
from model_training.datasets.folders import Dataset, Entry, list_folder
from model_training.datasets.panels import cut_strips, read_served_facts
from model_training.datasets.prepare import prepare
from model_training.datasets.summary import summarise
from model_training.recipe import load_recipe
from model_training.runtime.architecture import Preprocessing
from model_training.runtime.errors import DatasetError
from model_training.runtime.facts import FileFacts, read_file_facts
from model_training.runtime.preprocess import Part, ReadImage, fit, read, read_parts
from model_training.runtime.strip import LONGEST, MOST_PANELS, SHORTEST, cut_strip
from model_training.runtime.whole import JudgedImage, bound, sum_up

STRIP = Preprocessing(fit="strip", height=32, width=32, mean=(0.5,) * 3, std=(0.5,) * 3)


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def strip(*heights: int, gutter: int = 20, colour: int = 255, width: int = 60) -> np.ndarray:
    """Panels of these heights with gutters of one colour between them."""
    pieces = [np.full((gutter, width, 3), colour, np.uint8)] * (2 * len(heights) - 1)
    pieces[::2] = [noise(height, width, number) for number, height in enumerate(heights)]
    return np.concatenate(pieces)


def cut(image: np.ndarray) -> list[tuple[int, int]]:
    """Where the panels begin and end."""
    boxes = cut_strip(Image.fromarray(image))
    assert all((left, right) == (0, image.shape[1]) for left, _, right, _ in boxes)
    return [(top, bottom) for _, top, _, bottom in boxes]


#: Heights of panels, gutter, its colour → where each panel that is cut ends; the strip is 60 wide.
CUTS = {
    "two panels": ((80, 80), 20, 255, [90, 180]),
    "three panels on black": ((80, 70, 90), 20, 0, [90, 180, 280]),
    "grey gutters": ((80, 80), 20, 128, [90, 180]),
    "a gutter of two rows": ((80, 80), 2, 255, [81, 162]),
    "many panels": ((80,) * 12, 20, 255, [*range(90, 1190, 100), 1180]),
    "panels of several heights": ((50, 100, 40, 100), 10, 255, [55, 165, 215, 320]),
}


@pytest.mark.parametrize("name", CUTS)
def test_a_strip_is_cut_in_the_middle_of_its_gutters(name: str) -> None:
    heights, gutter, colour, ends = CUTS[name]
    assert [end for _, end in cut(strip(*heights, gutter=gutter, colour=colour))] == ends


@pytest.mark.parametrize("name", CUTS)
def test_a_strip_that_lies_is_cut_in_the_same_places(name: str) -> None:
    heights, gutter, colour, ends = CUTS[name]
    image = Image.fromarray(strip(*heights, gutter=gutter, colour=colour)).transpose(Image.Transpose.TRANSPOSE)
    boxes = cut_strip(image)
    assert [right for _, _, right, _ in boxes] == ends
    assert all((top, bottom) == (0, 60) for _, top, _, bottom in boxes)


@pytest.mark.parametrize("size", [(60, 60), (60, 120), (120, 60), (10, 20), (1, 1), (1, 2)])
def test_what_is_no_strip_stays_whole(size: tuple[int, int]) -> None:
    assert cut_strip(Image.fromarray(noise(size[1], size[0]))) == [(0, 0, *size)]


def test_without_gutters_the_quietest_row_is_cut() -> None:
    image = noise(200, 60)
    image[100] = 120 + noise(1, 60)[0] // 16  # too lively for a gutter
    assert cut(image) == [(0, 100), (100, 200)]


def test_gutters_survive_jpeg(tmp_path: Path) -> None:
    path = tmp_path / "strip.jpg"
    Image.fromarray(strip(80, 70, 90)).save(path, quality=60)
    ends = [part.place[3] for part in read_parts(path.read_bytes(), STRIP).parts]
    assert ends == pytest.approx([90, 180, 280], abs=4)


@pytest.mark.parametrize("seed", range(8))
def test_panels_tile_the_strip_and_have_a_proper_length(seed: int) -> None:
    generator = np.random.default_rng(seed)
    width = int(generator.integers(8, 80))
    image = strip(*generator.integers(1, 200, 6).tolist(), gutter=int(generator.integers(1, 90)), width=width)
    panels = cut(image)
    assert [begin for begin, _ in panels] == [0, *(end for _, end in panels[:-1])]
    assert panels[-1][1] == len(image)
    lengths = [end - begin for begin, end in panels]
    assert min(lengths) >= round(SHORTEST * width) - 1
    assert max(lengths) <= round(LONGEST * width)


@pytest.mark.parametrize("size", [(1, 20_000), (2, 9_000), (20_000, 3)])
def test_a_thread_is_cut_into_no_more_panels_than_can_be_answered(size: tuple[int, int]) -> None:
    panels = cut_strip(Image.new("RGB", size))
    assert 1 < len(panels) <= MOST_PANELS


def test_an_episode_is_cut_in_no_time() -> None:
    assert len(cut_strip(Image.new("RGB", (690, 20_000), "white"))) >= 15


# --- what the network sees -------------------------------------------------------------------------------------------
def test_each_panel_is_seen_as_if_it_were_a_picture(tmp_path: Path) -> None:
    image = Image.fromarray(strip(80, 80))
    path = tmp_path / "strip.png"
    image.save(path)
    found = read_parts(path.read_bytes(), STRIP)
    assert found.size == (60, 180)
    assert [part.place for part in found.parts] == [(0, 0, 60, 90), (0, 90, 60, 180)]
    stretch = STRIP.model_copy(update={"fit": "stretch"})
    for part in found.parts:
        assert part.content == (0, 0, 32, 32)
        np.testing.assert_array_equal(part.pixels, fit(image.crop(part.place), stretch))


def test_a_picture_has_one_part(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    Image.fromarray(noise(70, 60)).save(path)
    (part,) = read_parts(path.read_bytes(), STRIP).parts
    assert part.place == (0, 0, 60, 70)
    np.testing.assert_array_equal(part.pixels, read(path.read_bytes(), STRIP))


def test_a_panel_is_not_long_and_its_file_was_shrunk() -> None:
    whole = FileFacts(690, 60_000, 80)
    assert whole.aspect > 80
    panel = whole.crop((0, 1000, 345, 1500), (345, 30_000))  # decoded at half its size
    assert (panel.width, panel.height, panel.jpeg_quality) == (690, 1000, 80)


# --- what is said of the whole ---------------------------------------------------------------------------------------
def judged(*panels: tuple[int, list[float], str | None]) -> JudgedImage:
    """Of each panel: its height, its probabilities, and why it is unknown."""
    ends = np.cumsum([0, *(height for height, _, _ in panels)]).tolist()
    pixels = np.zeros((32, 32, 3), np.uint8)
    parts = tuple(Part(pixels, (0, 0, 32, 32), (0, begin, 10, end)) for begin, end in pairwise(ends))
    return JudgedImage(
        ReadImage(parts, (10, ends[-1]), ()),
        np.array([each for _, each, _ in panels]),
        tuple(reason for _, _, reason in panels),  # type: ignore[arg-type]
    )


def test_a_panel_counts_by_its_size() -> None:
    mean, reason = sum_up(judged((10, [1.0, 0.0], None), (30, [0.0, 1.0], None)))
    assert mean.value.tolist() == [0.25, 0.75]
    assert reason is None
    assert bound(mean) is None  # too few for an interval


def test_unknown_panels_do_not_count() -> None:
    mean, reason = sum_up(judged((10, [1.0, 0.0], "blank"), (30, [0.2, 0.8], None)))
    assert mean.value.tolist() == [0.2, 0.8]
    assert reason is None


def test_a_strip_that_is_mostly_unknown_is_unknown_for_the_longest_reason() -> None:
    mean, reason = sum_up(
        judged((10, [1.0, 0.0], "text"), (20, [1.0, 0.0], "blank"), (20, [0.0, 1.0], "text"), (30, [0.0, 1.0], None))
    )
    assert reason == "text"
    assert mean.value.tolist() == pytest.approx([30 / 80, 50 / 80])


def test_many_panels_give_an_interval_around_the_mean() -> None:
    shares = np.random.default_rng(0).uniform(0.4, 1.0, 40)
    mean, _ = sum_up(judged(*((10, [share, 1 - share], None) for share in shares)))
    interval = bound(mean)
    assert interval is not None
    assert interval[0] < shares.mean() < interval[1]
    assert mean.value[0] == pytest.approx(shares.mean())


# --- training --------------------------------------------------------------------------------------------------------
@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number, label in enumerate(("action", "romance")):
        (tmp_path / "data" / label).mkdir(parents=True)
        for episode in range(5):
            image = strip(80, 70, 90, colour=255 * number)
            Image.fromarray(np.roll(image, episode, axis=2)).save(tmp_path / "data" / label / f"{episode}.png")
        Image.fromarray(noise(70, 60, 50 + number)).save(tmp_path / "data" / label / "cover.png")
    return tmp_path / "data"


def test_panels_stand_for_their_strip_in_one_group(folder: Path, tmp_path: Path) -> None:
    found, told = Findings(), []
    listed = list_folder(folder)
    dataset = cut_strips(listed, STRIP, None, tmp_path / "cache", lambda *each: told.append(each), found)
    groups: dict[str, list[str]] = {}
    for entry in dataset.entries:
        groups.setdefault(entry.columns["strip"], []).append(entry.label)
    assert {name: len(labels) for name, labels in groups.items()} == {
        f"{label}/{name}.png": 1 if name == "cover" else 3
        for label in ("action", "romance")
        for name in (*range(5), "cover")
    }
    assert all(set(labels) == {name.partition("/")[0]} for name, labels in groups.items())
    assert [str(each) for each in found] == [
        "strips cut into panels: 10 (0.png, 1.png, 2.png, …)",
        "panels of strips: 30",
    ]
    assert told[-1] == (12, 12)
    # What training sees of a panel is what serving sees of it.
    panels = [entry for entry in dataset.entries if entry.columns["strip"] == "action/0.png"]
    served = read_parts((folder / "action/0.png").read_bytes(), STRIP).parts
    for entry, part in zip(panels, served, strict=True):
        np.testing.assert_array_equal(read(entry.path.read_bytes(), STRIP), part.pixels)
    assert [dataset.place(entry) for entry in panels] == [f"action/0.png/{number:04}.png" for number in range(3)]
    again = cut_strips(listed, STRIP, None, tmp_path / "cache", lambda *each: None, Findings())
    assert again == dataset


@pytest.mark.parametrize("lying", [False, True])
def test_what_a_file_says_of_a_panel_is_the_same_in_training_and_serving(tmp_path: Path, lying: bool) -> None:
    """A strip four times as large as the network's input is halved by the decoder; its quality is the JPEG's."""
    image = Image.fromarray(strip(400, 300, width=280, gutter=40))
    path = tmp_path / "action" / "strip.jpg"
    path.parent.mkdir()
    (image.transpose(Image.Transpose.TRANSPOSE) if lying else image).save(path, quality=70)
    listed = Dataset(tmp_path, (Entry(path, "action", None),), ("action",), False)
    dataset = cut_strips(listed, STRIP, None, tmp_path / "cache", lambda *each: None, Findings())
    found = read_parts(path.read_bytes(), STRIP)
    assert min(found.size) < 280
    whole = read_file_facts(path.read_bytes())
    for entry, part in zip(dataset.entries, found.parts, strict=True):
        facts, served = read_served_facts(entry), whole.crop(part.place, found.size)
        assert (facts.width, facts.height) == pytest.approx((served.width, served.height), abs=1)
        assert facts.jpeg_quality == served.jpeg_quality == 70


def test_the_audit_sees_strips_as_the_files_that_they_are(tmp_path: Path) -> None:
    """One class are strips and the other pictures, all JPEGs: that panels are PNGs is our doing."""
    for label, heights in (("action", (80, 70, 90)), ("romance", (80,))):
        (tmp_path / "data" / label).mkdir(parents=True)
        for number in range(10):
            image = Image.fromarray(np.roll(strip(*heights), number, axis=2))
            image.save(tmp_path / "data" / label / f"{number}.jpg", quality=80)
    dataset = cut_strips(
        list_folder(tmp_path / "data"), STRIP, None, tmp_path / "cache", lambda *each: None, Findings()
    )
    assert {entry.path.suffix for entry in dataset.entries} == {".png", ".jpg"}
    audited = audit_files(dataset)
    assert audited is not None
    assert audited.files == 20
    telling = {each.fact for each in audited.given_away}
    assert {"height", "aspect"} <= telling
    assert not telling & {"format", "jpeg_tables", "jpeg_sampling"}


def test_a_group_of_the_manifest_stays_the_panels_group(folder: Path, tmp_path: Path) -> None:
    listed = list_folder(folder)
    entries = tuple(
        replace(entry, columns={"series": "one" if entry.path.name < "2" else ""}) for entry in listed.entries
    )
    dataset = cut_strips(
        replace(listed, entries=entries), STRIP, "series", tmp_path / "cache", lambda *each: None, Findings()
    )
    words = {entry.columns["series"] for entry in dataset.entries}
    assert words == {"one"} | {f"{label}/{name}.png" for label in ("action", "romance") for name in (2, 3, 4, "cover")}


def test_a_file_that_cannot_be_read_is_left_to_who_reads_it(folder: Path, tmp_path: Path) -> None:
    (folder / "action/broken.png").write_bytes(b"no picture")
    dataset = cut_strips(list_folder(folder), STRIP, None, tmp_path / "cache", lambda *each: None, Findings())
    assert [entry.path.name for entry in dataset.entries].count("broken.png") == 1


def test_the_panels_of_a_strip_are_on_one_side_of_the_split(folder: Path, tmp_path: Path) -> None:
    whole = io.BytesIO()
    Image.fromarray(noise(60, 60, 99)).save(whole, "BMP")
    (folder / "action/cut.bmp").write_bytes(whole.getvalue()[:-60])
    size = ["preprocessing.fit=strip", "preprocessing.height=32", "preprocessing.width=32"]
    recipe = load_recipe("pictures", [*size, "data.near_duplicate_distance=0"])
    prepared = prepare(recipe, folder, tmp_path / "cache", quiet=True)
    side: dict[str, set[str]] = {}
    for name, rows in prepared.rows.items():
        for row in rows:
            side.setdefault(prepared.dataset.entries[row].columns["strip"], set()).add(name)
    assert all(len(names) == 1 for names in side.values())
    assert sum(len(rows) for rows in prepared.rows.values()) >= 30
    said = summarise(prepared.dataset)[-3:]
    assert [line.en for line in said] == [
        "strips cut into panels: 10 (0.png, 1.png, 2.png, …)",
        "panels of strips: 30",
        "pictures that end early, read without their last rows: 1 (action/cut.bmp)",
    ]
    assert [line.ko for line in said] == [
        "컷으로 나눈 긴 그림: 10 (0.png, 1.png, 2.png, …)",
        "긴 그림에서 나온 컷: 30",
        "끝이 잘려 마지막 부분 없이 읽은 그림: 1 (action/cut.bmp)",
    ]
    checked = check_dataset(recipe, folder, tmp_path / "cache")
    assert [each["count"] for each in checked.as_json()["findings"]] == [10, 30, 1]


def test_strips_are_copies_where_most_of_a_ones_panels_are_alike() -> None:
    """Four strips: the first two share a card of their three panels; the last is one panel of the third's two."""
    strip = np.array([0, 0, 0, 1, 1, 1, 2, 2, 3])
    alike = np.array([0, 1, 2, 0, 3, 4, 0, 5, 5])
    united = unite_strips(strip, alike)
    assert len(set(united[[0, 3, 6]])) == 3
    assert united[6] == united[8]
    assert [len(set(united[strip == number])) for number in range(4)] == [1] * 4
    assert unite_strips(np.array([], int), np.array([], int)).tolist() == []


def test_a_card_that_all_episodes_have_makes_no_copies_and_is_on_one_side(tmp_path: Path) -> None:
    card = np.repeat(np.repeat(noise(20, 15, 999), 4, 0), 4, 1)
    for number, label in enumerate(("action", "romance")):
        (tmp_path / "data" / label).mkdir(parents=True)
        for episode in range(6):
            seed = 100 * number + 10 * episode
            panels = [card // 2 + np.uint8(6 * number + episode), *(noise(90, 60, seed + panel) for panel in range(3))]
            gutter = np.full((20, 60, 3), 255, np.uint8)
            pieces = [piece for panel in panels for piece in (panel, gutter)]
            Image.fromarray(np.concatenate(pieces)).save(tmp_path / "data" / label / f"{episode}.png")
    size = ["preprocessing.fit=strip", "preprocessing.height=32", "preprocessing.width=32"]
    prepared = prepare(load_recipe("pictures", size), tmp_path / "data", tmp_path / "cache", quiet=True)
    entries = prepared.dataset.entries
    side = {name: {(entries[row].file, entries[row].path.name) for row in rows} for name, rows in prepared.rows.items()}
    assert all(len({file for file, _ in panels}) >= 2 for panels in side.values())
    cards = {name: sum(panel == "0000.png" for _, panel in panels) for name, panels in side.items()}
    assert [name for name, count in cards.items() if count] == ["test"]
    assert prepared.set_aside == 12 - cards["test"]


def test_blank_panels_are_left_out_and_counted(tmp_path: Path) -> None:
    image = strip(80, 70, 90, 80)
    image[90:180] = 255
    path = tmp_path / "data" / "action" / "0.png"
    path.parent.mkdir(parents=True)
    Image.fromarray(image).save(path)
    Image.new("RGB", (60, 400), "white").save(path.with_name("white.png"))
    found = Findings()
    listed = Dataset(path.parent, (Entry(path, "action", None), Entry(path.with_name("white.png"), "action", None)),
                     ("action",), False)  # fmt: skip
    dataset = cut_strips(listed, STRIP, None, tmp_path / "cache", lambda *each: None, found)
    cut_into = cut(image)
    blank = [number for number, (begin, end) in enumerate(cut_into) if (image[begin:end] == 255).all()]
    assert blank
    kept = [f"0.png/{number:04}.png" for number in range(len(cut_into)) if number not in blank]
    assert [dataset.place(entry) for entry in dataset.entries] == [*kept, "white.png"]
    assert f"blank panels of strips left out: {len(blank)} (0.png)" in [str(each) for each in found]


def test_a_class_of_one_strip_and_its_copies_is_told_so(tmp_path: Path) -> None:
    for number, label in enumerate(("action", "romance")):
        (tmp_path / "data" / label).mkdir(parents=True)
        for episode in range(5):
            seed = 100 + (1000 + 10 * episode) * number
            image = np.concatenate([noise(80, 60, seed + panel) // 2 for panel in range(6)]) + np.uint8(episode)
            image[::80] = 255
            Image.fromarray(image).save(tmp_path / "data" / label / f"{episode}.png")
    size = ["preprocessing.fit=strip", "preprocessing.height=32", "preprocessing.width=32"]
    with pytest.raises(DatasetError, match=r"'action' has a single strip, or strips that .*alike.* Add other strips"):
        prepare(load_recipe("pictures", size), tmp_path / "data", tmp_path / "cache", quiet=True)
