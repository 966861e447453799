from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageEnhance

from model_training.datasets import duplicates
from model_training.datasets.duplicates import Duplicates, _compare_all, _look_up, find_duplicates
from model_training.datasets.folders import Dataset, Entry, SplitName, check_classes, list_folder
from model_training.datasets.image_store import open_store
from model_training.datasets.manifest import read_manifest
from model_training.datasets.procedural import draw
from model_training.datasets.splits import check_groups, read_groups, split, unite
from model_training.recipe import Split
from model_training.runtime.architecture import Preprocessing
from model_training.runtime.errors import DatasetError
from tests.conftest import shared_folder

PREPROCESSING = Preprocessing(height=64, width=64, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


def make_dataset(labels: list[str], splits: list[SplitName | None] | None = None) -> Dataset:
    given_splits = splits or [None] * len(labels)
    entries = tuple(
        Entry(Path(f"{n}.jpg"), label, s) for n, (label, s) in enumerate(zip(labels, given_splits, strict=True))
    )
    return Dataset(Path(), entries, tuple(sorted(set(labels))), False)


def apart(count: int) -> Duplicates:
    return Duplicates(np.arange(count), 0, 0)


def test_sixty_twenty_twenty_of_each_class() -> None:
    dataset = make_dataset(["a"] * 100 + ["b"] * 50)
    splits = split(dataset, np.arange(150), apart(150), Split())
    labels = np.array([entry.label for entry in dataset.entries])
    counted = {name: [(labels[rows] == label).sum() for label in "ab"] for name, rows in splits.rows.items()}
    assert counted == {"train": [60, 30], "validation": [20, 10], "test": [20, 10]}


def test_the_seed_decides() -> None:
    dataset = make_dataset(["a", "b"] * 30)
    first, again, other = (split(dataset, np.arange(60), apart(60), Split(seed=seed)) for seed in (1, 1, 2))
    assert first.rows["test"].tolist() == again.rows["test"].tolist()
    assert first.rows["test"].tolist() != other.rows["test"].tolist()


@given(
    groups=st.lists(st.integers(0, 40), min_size=60, max_size=80),
    seed=st.integers(0, 1000),
)
def test_no_group_is_on_two_sides_and_none_is_lost(groups: list[int], seed: int) -> None:
    labels = ["ab"[number % 2] for number in range(len(groups))]
    group = np.array(groups)
    try:
        splits = split(make_dataset(labels), np.arange(len(groups)), Duplicates(group, 0, 0), Split(seed=seed))
    except DatasetError:
        return  # a class whose images are nearly all the same
    sides = [set(group[rows]) for rows in splits.rows.values()]
    assert sum(len(side) for side in sides) == len(set.union(*sides))
    assert sorted(np.concatenate(list(splits.rows.values()))) == list(range(len(groups)))


def test_given_folders_stay_but_duplicates_of_test_leave_train() -> None:
    order: list[SplitName | None] = ["train"] * 4 + ["validation"] * 2 + ["test"] * 2
    dataset = make_dataset(["a", "b"] * 4, order)
    group = np.array([0, 1, 2, 3, 4, 5, 0, 6])  # row 6, in test, is the image of row 0, in train
    duplicates = Duplicates(group, 1, 0)
    splits = split(dataset, np.arange(8), duplicates, Split())
    assert {name: rows.tolist() for name, rows in splits.rows.items()} == {
        "train": [1, 2, 3],
        "validation": [4, 5],
        "test": [6, 7],
    }
    assert splits.set_aside == 1


def test_validation_is_cut_from_train_and_never_is_the_test_set() -> None:
    dataset = make_dataset(["a", "b"] * 50, ["train"] * 80 + ["test"] * 20)
    splits = split(dataset, np.arange(100), apart(100), Split())
    assert splits.rows["test"].tolist() == list(range(80, 100))
    assert len(splits.rows["validation"]) == 16
    assert not set(splits.rows["validation"]) & set(splits.rows["test"])


def test_a_class_of_one_image_many_times_over_is_named() -> None:
    dataset = make_dataset(["a"] * 10 + ["b"] * 10)
    group = np.array([0] * 10 + list(range(1, 11)))
    with pytest.raises(DatasetError, match="'a' has no picture left for"):
        split(dataset, np.arange(20), Duplicates(group, 9, 0), Split())


def test_copies_are_found_and_neighbours_are_not(tmp_path: Path) -> None:
    """Five landscapes, of three an exact copy, a re-encoded smaller one and a brighter one: five groups."""
    for label in ("a", "b"):
        (tmp_path / "data" / label).mkdir(parents=True)
    folder = tmp_path / "data" / "a"
    images = [draw("china", seed, 192) for seed in range(5)]
    for number, image in enumerate(images):
        image.save(folder / f"{number}.png")
    (tmp_path / "data" / "b" / "exact.png").write_bytes((folder / "0.png").read_bytes())
    width, height = images[1].size
    images[1].resize((width // 2, height // 2)).save(tmp_path / "data" / "b" / "smaller.jpg", quality=60)
    ImageEnhance.Brightness(images[2]).enhance(1.15).save(tmp_path / "data" / "b" / "brighter.jpg")
    for number in range(2):
        Image.new("RGB", (64, 64), (50 * number, 9, 9)).save(tmp_path / "data" / "b" / f"page{number}.png")
    dataset = check_classes(list_folder(tmp_path / "data"))
    store = open_store(dataset, PREPROCESSING, tmp_path / "cache", lambda done, total: None)
    found = find_duplicates(store, np.arange(10), 8)
    names = [entry.path.name for entry in dataset.entries]
    group = dict(zip(names, found.group.tolist(), strict=True))
    assert (found.exact, found.near) == (1, 2)
    assert group["exact.png"] == group["0.png"]
    assert group["smaller.jpg"] == group["1.png"]
    assert group["brighter.jpg"] == group["2.png"]
    assert len(set(group.values())) == 7


@pytest.mark.parametrize("distance", [0, 4, 8])
def test_looking_hashes_up_finds_what_comparing_all_finds(distance: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "_STRETCH", 300)
    generator = np.random.default_rng(distance)
    hashes = generator.integers(0, 2**64, 2000, np.uint64)
    for row in range(0, 1000, 3):  # a copy with up to ten other bits
        bits = generator.choice(64, generator.integers(11), replace=False)
        hashes[row + 1000] = hashes[row] ^ np.uint64(sum(1 << int(bit) for bit in bits))
    hashes[1500:1504] = hashes[1499]  # and one picture five times
    found = list(_look_up(hashes, distance))
    assert found == sorted(_compare_all(hashes, distance))
    assert len(found) > 20


def grouped(groups: list[str], labels: list[str], splits: list[SplitName | None] | None = None) -> Dataset:
    plain = make_dataset(labels, splits)
    entries = tuple(replace(e, columns={"artist": g}) for e, g in zip(plain.entries, groups, strict=True))
    return replace(plain, entries=entries)


@st.composite
def artists(draw: st.DrawFn) -> tuple[list[str], list[str]]:
    """Two to four classes of three to nine artists, who have one to twelve pictures each."""
    groups, labels = [], []
    for label in "abcd"[: draw(st.integers(2, 4))]:
        for number, size in enumerate(draw(st.lists(st.integers(1, 12), min_size=3, max_size=9))):
            groups += [f"{label}{number}"] * size
            labels += [label] * size
    return groups, labels


@given(drawn=artists(), seed=st.integers(0, 1000))
def test_no_artist_is_on_two_sides_and_every_class_is_on_all(drawn: tuple[list[str], list[str]], seed: int) -> None:
    groups, labels = drawn
    dataset, rows = grouped(groups, labels), np.arange(len(labels))
    splits = split(dataset, rows, apart(len(labels)), Split(seed=seed), "artist")
    sides = [{groups[row] for row in side} for side in splits.rows.values()]
    assert sum(len(side) for side in sides) == len(set(groups))
    assert all({labels[row] for row in side} == set(labels) for side in splits.rows.values())
    assert sorted(np.concatenate(list(splits.rows.values()))) == list(rows)
    again = split(dataset, rows, apart(len(labels)), Split(seed=seed), "artist")
    assert again.rows["test"].tolist() == splits.rows["test"].tolist()


@given(drawn=artists(), chains=st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)), max_size=5))
def test_an_artist_and_the_duplicates_of_their_images_stay_together(
    drawn: tuple[list[str], list[str]], chains: list[tuple[int, int]]
) -> None:
    groups, labels = drawn
    copy = np.arange(len(labels))
    for one, other in chains:
        copy[one % len(copy)] = copy[other % len(copy)]
    dataset = grouped(groups, labels)
    try:
        splits = split(dataset, np.arange(len(labels)), Duplicates(copy, 0, 0), Split(), "artist")
    except DatasetError:
        return  # copies tied the artists of a class together
    side = {row: name for name, rows in splits.rows.items() for row in rows}
    for one in range(len(labels)):
        for other in range(one):
            if copy[one] == copy[other] or groups[one] == groups[other]:
                if {labels[one], labels[other]}.isdisjoint(splits.borrowed):
                    assert side[one] == side[other]
                else:
                    assert (side[one] == "test") == (side[other] == "test")


def test_groups_come_near_the_shares() -> None:
    generator = np.random.default_rng(0)
    sizes = generator.integers(1, 20, 120)
    groups = [f"artist {number}" for number, size in enumerate(sizes) for _ in range(size)]
    labels = ["abc"[number % 3] for number, size in enumerate(sizes) for _ in range(size)]
    splits = split(grouped(groups, labels), np.arange(len(labels)), apart(len(labels)), Split(), "artist")
    for label in "abc":
        members = np.array([each == label for each in labels])
        shares = {name: members[rows].sum() / members.sum() for name, rows in splits.rows.items()}
        assert shares == pytest.approx({"test": 0.2, "validation": 0.2, "train": 0.6}, abs=0.03)


def test_another_seed_deals_groups_out_anew() -> None:
    groups = [f"artist {number // 3}" for number in range(120)]
    dataset = grouped(groups, ["ab"[number // 60] for number in range(120)])
    tests = {tuple(split(dataset, np.arange(120), apart(120), Split(seed=s), "artist").rows["test"]) for s in range(5)}
    assert len(tests) == 5


def test_images_without_an_artist_are_on_their_own() -> None:
    dataset = grouped(["", "", "x", "x"], ["a", "a", "b", "b"])
    assert read_groups(dataset, np.arange(4), "artist").tolist() == [0, 1, 2, 2]


def test_groups_and_duplicates_unite_in_chains() -> None:
    united = unite(np.array([0, 0, 1, 2, 3]), np.array([0, 1, 1, 2, 2]))
    assert united[0] == united[1] == united[2]
    assert united[3] == united[4] != united[0]


def test_a_class_of_one_artist_is_named_or_dropped() -> None:
    groups = [f"a{n % 3}" for n in range(9)] + ["b"] * 10 + [f"c{n % 2}" for n in range(12)]
    dataset = grouped(groups, ["a"] * 9 + ["b"] * 10 + ["c"] * 12)
    rows = np.arange(31)
    group = read_groups(dataset, rows, "artist")
    with pytest.raises(
        DatasetError, match=r"'b' has a single group by 'artist'.*data\.too_few=drop or data\.labels=\[a, c\]"
    ):
        check_groups(dataset, rows, group, "artist", "error")
    kept = check_groups(dataset, rows, group, "artist", "drop")
    assert (kept.labels, kept.dropped) == (("a", "c"), ("b",))
    assert kept.entries[9].label == ""


def test_two_classes_cannot_spare_one() -> None:
    dataset = grouped([f"a{n}" for n in range(5)] + ["b"] * 5, ["a"] * 5 + ["b"] * 5)
    group = read_groups(dataset, np.arange(10), "artist")
    with pytest.raises(DatasetError, match=r"'b' has a single group by 'artist'.*data\.group=null"):
        check_groups(dataset, np.arange(10), group, "artist", "drop")


@given(drawn=artists(), sizes=st.tuples(st.integers(4, 20), st.integers(4, 20)), seed=st.integers(0, 1000))
def test_a_class_of_two_artists_is_tested_on_one_and_validated_on_images_of_the_other(
    drawn: tuple[list[str], list[str]], sizes: tuple[int, int], seed: int
) -> None:
    groups, labels = drawn
    for number, size in enumerate(sizes):
        groups, labels = groups + [f"pair{number}"] * size, labels + ["pair"] * size
    dataset, rows = grouped(groups, labels), np.arange(len(labels))
    splits = split(dataset, rows, apart(len(labels)), Split(seed=seed), "artist")
    assert splits.borrowed == ("pair",)
    side = {name: [row for row in rows if labels[row] == "pair"] for name, rows in splits.rows.items()}
    artists_of = {name: {groups[row] for row in members} for name, members in side.items()}
    assert artists_of["train"] == artists_of["validation"] != artists_of["test"]
    assert all(len(each) == 1 for each in artists_of.values())
    trained = len(side["train"]) + len(side["validation"])
    assert len(side["validation"]) == max(1, round(trained * 0.25))
    others = [{groups[row] for row in members if labels[row] != "pair"} for members in splits.rows.values()]
    assert sum(map(len, others)) == len(set.union(*others))


def test_a_given_test_artist_leaves_training() -> None:
    order: list[SplitName | None] = ["train"] * 6 + ["validation"] * 2 + ["test"] * 2
    dataset = grouped(["p", "q", "r", "s", "t", "u", "v", "w", "p", "x"], ["a", "b"] * 5, order)
    splits = split(dataset, np.arange(10), apart(10), Split(), "artist")
    assert splits.rows["train"].tolist() == [1, 2, 3, 4, 5]
    assert splits.set_aside == 1


def test_real_artists() -> None:
    dataset = read_manifest(shared_folder("data/painting_styles") / "manifest.csv", "style")
    dataset = dataset.keep(["impressionism", "pointillism", "rococo", "ukiyo_e"])
    rows = np.array([row for row, entry in enumerate(dataset.entries) if entry.label])
    for seed in range(5):
        splits = split(dataset, rows, apart(len(rows)), Split(seed=seed), "artist")
        sides = [{dataset.entries[row].columns["artist"] for row in side} for side in splits.rows.values()]
        assert sum(len(side) for side in sides) == len(set.union(*sides))
        assert 0.1 < len(splits.rows["test"]) / len(rows) < 0.3


def test_different_fans_on_the_same_mount_are_no_duplicates(tmp_path: Path) -> None:
    """Even where hashes say nothing (64 bits of distance allowed), the middles of the pictures decide."""
    for seed, label in enumerate("aabb"):
        (tmp_path / "data" / label).mkdir(parents=True, exist_ok=True)
        page = Image.new("RGB", (200, 200), (245, 240, 235))
        mask = Image.new("L", (200, 200), 0)
        ImageDraw.Draw(mask).ellipse((15, 15, 185, 185), fill=255)
        page.paste(draw("china", seed // 2 + 3, 256).resize((200, 200)), mask=mask)
        page.save(tmp_path / "data" / label / f"{seed}.jpg", quality=[95, 60][seed % 2])
    for label in "ab":
        for shade in range(3):
            pixels = np.random.default_rng([ord(label), shade]).integers(0, 256, (64, 64, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / label / f"noise{shade}.png")
    dataset = check_classes(list_folder(tmp_path / "data"))
    store = open_store(dataset, PREPROCESSING, tmp_path / "cache", lambda done, total: None)
    found = find_duplicates(store, np.arange(10), 64)
    group = dict(zip([entry.path.name for entry in dataset.entries], found.group.tolist(), strict=True))
    assert group["0.jpg"] == group["1.jpg"]
    assert group["2.jpg"] == group["3.jpg"]
    assert found.near == 2


def with_column(labels: list[str], name: str, words: list[str]) -> Dataset:
    dataset = make_dataset(labels)
    entries = tuple(replace(each, columns={name: word}) for each, word in zip(dataset.entries, words, strict=True))
    return replace(dataset, entries=entries)


@pytest.mark.parametrize("seed", range(5))
def test_every_combination_has_its_share_of_each_split(seed: int) -> None:
    words = ["red"] * 50 + ["green"] * 10 + ["blue"] * 5 + ["red"] * 10 + [""] * 25
    dataset = with_column(["a"] * 65 + ["b"] * 35, "colour", words)
    splits = split(dataset, np.arange(100), apart(100), Split(seed=seed), stratify=("colour",))
    strata = list(zip("a" * 65 + "b" * 35, words, strict=True))
    for name, share in (("test", 0.2), ("validation", 0.2), ("train", 0.6)):
        counted = Counter(strata[row] for row in splits.rows[name])
        for stratum, size in Counter(strata).items():
            assert abs(counted[stratum] - share * size) < 1.01, (name, stratum)


def test_groups_are_dealt_out_by_combination() -> None:
    labels = ["a"] * 60 + ["b"] * 60
    words = (["red"] * 30 + ["green"] * 30) * 2
    dataset = with_column(labels, "colour", words)
    pairs = Duplicates(np.arange(120) // 2, 0, 0)
    by_pair = replace(dataset, entries=tuple(
        replace(each, columns={**each.columns, "pair": str(row // 2)}) for row, each in enumerate(dataset.entries)
    ))  # fmt: skip
    splits = split(by_pair, np.arange(120), pairs, Split(), "pair", ("colour",))
    counted = Counter((labels[row], words[row]) for row in splits.rows["test"])
    assert set(counted.values()) == {6}
    assert {row // 2 for row in splits.rows["test"]}.isdisjoint(row // 2 for row in splits.rows["train"])
