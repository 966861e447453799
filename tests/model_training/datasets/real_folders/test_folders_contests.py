"""Folders as contests, courses and national collections hand them out: the class and split of every picture."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from model_training.datasets.listing import list_dataset
from model_training.runtime.errors import DatasetError

from .trees import findings, plant, read

Files = dict[str, str | bytes | None]


def lay(root: Path, files: Files) -> Path:
    return plant(root, {name: each.encode() if isinstance(each, str) else each for name, each in files.items()})


def both(folder: str, *, first: str = "a", second: str = "b") -> Files:
    return dict.fromkeys((f"{folder}/{first}/1.jpg", f"{folder}/{second}/2.jpg"))


PIXELS: Files = dict.fromkeys(("images/1.jpg", "images/2.jpg", "images/3.jpg"))
TABLE = "id,breed\n1,pug\n2,boxer\n3,pug\n"
SHOWN = {"images/1.jpg": "pug", "images/2.jpg": "boxer", "images/3.jpg": "pug"}

#: Name: files, the class of each picture after its split, and how many pictures are left out.
LAYOUTS: dict[str, tuple[Files, dict[str, str], int]] = {
    # a table beside the pictures
    "images and labels.csv": ({"labels.csv": TABLE, **PIXELS}, SHOWN, 0),
    "an example of an answer beside": (
        {"labels.csv": TABLE, "sample_submission.csv": "id,breed\n9,pug\n", **PIXELS, "test/9.jpg": None},
        SHOWN,
        1,
    ),
    "a class column of another name": (
        {"train.csv": "id,has_cactus\n1.jpg,1\n2.jpg,0\n3.jpg,1\n", **PIXELS},
        {"images/1.jpg": "1", "images/2.jpg": "0", "images/3.jpg": "1"},
        0,
    ),
    "a table of the test's pictures without classes": (
        {
            "train.csv": "id,img_path,label\nT0,./train/1.jpg,훼손\nT1,./train/2.jpg,오염\n",
            "test.csv": "id,img_path\nX0,./test/9.jpg\n",
            "train/1.jpg": None,
            "train/2.jpg": None,
            "test/9.jpg": None,
        },
        {"train/1.jpg": "훼손", "train/2.jpg": "오염"},
        1,
    ),
    "a folder packed twice": (
        {
            "train.csv": "id,label\n1,x\n2,y\n",
            "train/train/1.jpg": None,
            "train/train/2.jpg": None,
            "test/test/9.jpg": None,
        },
        {"train/train/1.jpg": "x", "train/train/2.jpg": "y"},
        1,
    ),
    "a column for each class": (
        {"train.csv": "image_id,rust,scab\n1,1,0\n2,0,1\n3,1,0\n", **PIXELS},
        {"images/1.jpg": "rust", "images/2.jpg": "scab", "images/3.jpg": "rust"},
        0,
    ),
    "pictures in two parts": (
        {
            "HAM10000_metadata.csv": "lesion_id,image_id,dx\nL1,p1,nv\nL2,p2,mel\n",
            "HAM10000_images_part_1/p1.jpg": None,
            "HAM10000_images_part_2/p2.jpg": None,
        },
        {"HAM10000_images_part_1/p1.jpg": "nv", "HAM10000_images_part_2/p2.jpg": "mel"},
        0,
    ),
    "a table that says what numbers mean": (
        {"train.csv": "image_id,label\n1.jpg,0\n2.jpg,1\n3.jpg,0\n", "names.json": '{"1": "CBSD"}', **PIXELS},
        {"images/1.jpg": "0", "images/2.jpg": "1", "images/3.jpg": "0"},
        0,
    ),
    "a table of each split, the same names in each": (
        {
            **{f"{split}.csv": "filename,label\n1.jpg,x\n2.jpg,y\n" for split in ("train", "test")},
            **dict.fromkeys(("train/1.jpg", "train/2.jpg", "test/1.jpg", "test/2.jpg")),
        },
        {"train/1.jpg": "train:x", "train/2.jpg": "train:y", "test/1.jpg": "test:x", "test/2.jpg": "test:y"},
        0,
    ),
    "a table of the training's labels alone": (
        {
            "train_labels.csv": "filename,label\n1.jpg,x\n2.jpg,y\n",
            **dict.fromkeys(("train/1.jpg", "train/2.jpg", "test/1.jpg")),
        },
        {"train/1.jpg": "x", "train/2.jpg": "y"},
        1,
    ),
    "Caffe's and Paddle's lists": (
        {"train_list.txt": "images/1.jpg 0\nimages/2.jpg 1\n", "val_list.txt": "images/3.jpg\t0\n", **PIXELS},
        {"images/1.jpg": "train:0", "images/2.jpg": "train:1", "images/3.jpg": "validation:0"},
        0,
    ),
    "MXNet's list": (
        {"all.lst": "0\t0.000000\timages/1.jpg\n1\t1.000000\timages/2.jpg\n2\t1.000000\timages/3.jpg\n", **PIXELS},
        {"images/1.jpg": "0", "images/2.jpg": "1", "images/3.jpg": "1"},
        0,
    ),
    "Vertex AI's list": (
        {
            "import.csv": "TRAIN,gs://b/images/1.jpg,cat\nVALIDATION,gs://b/images/2.jpg,dog\nUNASSIGNED,gs://b/images/3.jpg,x\n",
            **PIXELS,
        },
        {"images/1.jpg": "train:cat", "images/2.jpg": "validation:dog"},
        0,
    ),
    "Azure's lines": (
        {
            "labels.jsonl": '{"image_url":"AmlDatastore://x/images/1.jpg","label":"cat"}\n'
            '{"image_url":"AmlDatastore://x/images/2.jpg","label":"dog"}\n',
            "images/1.jpg": None,
            "images/2.jpg": None,
        },
        {"images/1.jpg": "cat", "images/2.jpg": "dog"},
        0,
    ),
    "Label Studio's choices": (
        {
            "project.csv": "image,id,choice\n"
            "/data/upload/1/0a1b2c3d-1.jpg,1,cat\n/data/upload/1/1a1b2c3d-2.jpg,2,dog\n",
            "images/1.jpg": None,
            "images/2.jpg": None,
        },
        {"images/1.jpg": "cat", "images/2.jpg": "dog"},
        0,
    ),
    "a note beside each picture": (
        {"set/1.jpg": None, "set/1.txt": "1.jpg, 0", "set/2.jpg": None, "set/2.txt": "2.jpg, 40"},
        {"set/1.jpg": "0", "set/2.jpg": "40"},
        0,
    ),
    "a manifest in a wrapper": (
        {"archive/manifest.csv": "path,label\nimages/1.jpg,x\n", "archive/images/1.jpg": None},
        {"archive/images/1.jpg": "x"},
        0,
    ),
    "metadata in folders of splits of any name": (
        {
            "data/Training/metadata.csv": "file_name,label\n1.jpg,x\n",
            "data/Training/1.jpg": None,
            "data/Testing/metadata.jsonl": '{"file_name": "1.jpg", "label": "x"}\n',
            "data/Testing/1.jpg": None,
            "data/Validation/1.jpg": None,
        },
        {"data/Training/1.jpg": "train:x", "data/Testing/1.jpg": "test:x"},
        1,
    ),
    # a split without class folders, whose table says them
    "GTSRB": (
        {
            "Train.csv": "Width,ClassId,Path\n27,0,Train/0/1.png\n",
            "Test.csv": "Width,ClassId,Path\n53,1,Test/9.png\n",
            "Meta.csv": "Path,ClassId\nMeta/0.png,0\n",
            **dict.fromkeys(("Train/0/1.png", "Train/1/2.png", "Test/9.png", "Meta/0.png")),
        },
        {"Train/0/1.png": "train:0", "Train/1/2.png": "train:1", "Test/9.png": "test:1"},
        1,
    ),
    "tiny-imagenet": (
        {
            **dict.fromkeys(("train/n01/images/1.JPEG", "train/n02/images/2.JPEG", "test/images/t.JPEG")),
            "train/n01/n01_boxes.txt": "1.JPEG\t0\t0\t62\t62\n",
            "train/n02/n02_boxes.txt": "2.JPEG\t0\t0\t62\t62\n",
            **dict.fromkeys(("val/images/v1.JPEG", "val/images/v2.JPEG")),
            "val/val_annotations.txt": "v1.JPEG\tn01\t0\t32\t44\t62\nv2.JPEG\tn02\t0\t1\t2\t3\n",
            "words.txt": "n01\ttench, Tinca\nn02\tgold fish\n",
        },
        {
            "train/n01/images/1.JPEG": "train:n01",
            "train/n02/images/2.JPEG": "train:n02",
            "val/images/v1.JPEG": "validation:n01",
            "val/images/v2.JPEG": "validation:n02",
        },
        1,
    ),
    # folders of folders
    "parts with the same classes": (
        {**both("fold_1"), **both("fold_2")},
        {"fold_1/a/1.jpg": "a", "fold_1/b/2.jpg": "b", "fold_2/a/1.jpg": "a", "fold_2/b/2.jpg": "b"},
        0,
    ),
    "the training named by what the others add to": (
        {**both("rps"), **both("rps-test-set"), **both("rps-validation")},
        {
            "rps/a/1.jpg": "train:a",
            "rps/b/2.jpg": "train:b",
            "rps-test-set/a/1.jpg": "test:a",
            "rps-test-set/b/2.jpg": "test:b",
            "rps-validation/a/1.jpg": "validation:a",
            "rps-validation/b/2.jpg": "validation:b",
        },
        0,
    ),
    "AI-Hub": (
        {
            **both("Training/01.원천데이터", first="TS_강아지", second="TS_고양이"),
            **both("Validation/01.원천데이터", first="VS_강아지", second="VS_고양이"),
            "Training/02.라벨링데이터/TL_강아지/1.json": "{}",
        },
        {
            "Training/01.원천데이터/TS_강아지/1.jpg": "train:강아지",
            "Training/01.원천데이터/TS_고양이/2.jpg": "train:고양이",
            "Validation/01.원천데이터/VS_강아지/1.jpg": "validation:강아지",
            "Validation/01.원천데이터/VS_고양이/2.jpg": "validation:고양이",
        },
        0,
    ),
    "classes of photographs and drawings": (
        {"photos/1.jpg": None, "drawings/2.jpg": None, "notes.csv": "name,label\nx,y\n"},
        {"photos/1.jpg": "photos", "drawings/2.jpg": "drawings"},
        0,
    ),
    "classes that differ in a number": (
        {"level_1/1.jpg": None, "level_2/2.jpg": None},
        {"level_1/1.jpg": "level_1", "level_2/2.jpg": "level_2"},
        0,
    ),
    "a name copied with marks without width": (
        {"cat/1.jpg": None, "\u200bcat/2.jpg": None, "dog\ufeff/1.jpg": None},
        {"cat/1.jpg": "cat", "\u200bcat/2.jpg": "cat", "dog\ufeff/1.jpg": "dog"},
        0,
    ),
    # what lies beside pictures
    "Google Takeout, Lightroom and an iPhone": (
        {
            "Google Photos/cat/1.jpg": None,
            "Google Photos/cat/1.jpg.supplemental-metadata.json": "{}",
            "Google Photos/cat/metadata.json": '{"title": "cat"}',
            "Google Photos/dog/2.jpg": None,
            "Google Photos/dog/2.xmp": "<x/>",
            "Google Photos/dog/IMG_3.AAE": "<x/>",
            "Google Photos/dog/IMG_3.MOV": b"\0\0\0\x14ftypqt  ",
        },
        {"Google Photos/cat/1.jpg": "cat", "Google Photos/dog/2.jpg": "dog"},
        0,
    ),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_each_picture_has_the_class_that_people_meant(tmp_path: Path, name: str) -> None:
    files, meant, left_out = LAYOUTS[name]
    dataset = list_dataset(lay(tmp_path, files))
    assert read(dataset) == meant
    assert sum(each.count for each in dataset.findings if each.what.startswith("pictures ")) == left_out


ERRORS: dict[str, tuple[Files, str]] = {
    "two tables of the same pictures": (
        {"a.csv": TABLE, "b.csv": TABLE, **PIXELS},
        r"a\.csv and b\.csv both list the pictures\. Say which counts: --data .*a\.csv",
    ),
    "a picture in two tables": (
        {"train.csv": "id,label\n1,x\n2,y\n", "test.csv": "id,label\n3,x\n2,y\n", **PIXELS},
        r"csv: 2\.jpg is in (train|test)\.csv already",
    ),
    "a table of boxes": (
        {"labels.csv": "filename,width,height,class,xmin,ymin,xmax,ymax\n1.jpg,8,8,cat,1,2,3,4\n", **PIXELS},
        r"labels\.csv: this table has boxes on the pictures.*sketch_detector",
    ),
    "folds that are divided themselves": (
        {**both("fold1/train"), **both("fold1/test"), **both("fold2/train"), **both("fold2/test")},
        r"fold1 and fold2 each have splits of their own\. Give one of them: --data .*fold1",
    ),
    "pictures beside what was drawn on them": (
        {
            **dict.fromkeys(f"images/{name}_{n}.jpg" for name in ("cat", "dog") for n in range(3)),
            "annotations/1.png": None,
        },
        r'lie in no class folder \(cat_0\.jpg\).*data\.label_from="{label}_{}\.jpg"',
    ),
    "parts without classes": ({"part_1/1.jpg": None, "part_2/2.jpg": None}, "lie in no class folder"),
    "Parquet": ({"data/train-00000-of-00001.parquet": b"PAR1"}, "are packed in Parquet.*as files"),
    "TFRecord": ({"train.tfrec": b"x"}, "are packed in TFRecord"),
    "an archive": ({"data.zip": b"PK\3\4"}, r"there are only archives \(data\.zip\)\. Unpack them"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_what_will_not_do_is_named(tmp_path: Path, name: str) -> None:
    files, message = ERRORS[name]
    with pytest.raises(DatasetError, match=message) as raised:
        list_dataset(lay(tmp_path, files))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("LOC_synset_mapping.txt", "n01440764 tench, Tinca tinca\nn01443537 goldfish\n"),
        ("words.txt", "n01440764\ttench, Tinca tinca\nn01443537\tgoldfish\n"),
        ("Labels.json", '{"n01440764": "tench", "n01443537": "goldfish"}'),
    ],
)
def test_what_synsets_are_called_is_said(tmp_path: Path, name: str, content: str) -> None:
    dataset = list_dataset(lay(tmp_path, {name: content, **both(".", first="n01440764", second="n01443537")}))
    assert dataset.labels == ("n01440764", "n01443537")
    told = {each.what: each.examples for each in dataset.findings}
    assert told["classes that a file beside them names, which --label takes over"] == (
        "n01440764='tench'",
        "n01443537='goldfish'",
    )


def test_folders_that_every_class_has_are_named(tmp_path: Path) -> None:
    files = [f"{label}/{inside}/1.jpg" for label in ("COVID", "Normal") for inside in ("images", "masks")]
    dataset = list_dataset(plant(tmp_path, files))
    assert dataset.labels == ("COVID", "Normal")
    assert findings(dataset) == {"folders of the same names in every class, read as parts of it": 2}


def test_sagemakers_lines(tmp_path: Path) -> None:
    line = '{"source-ref":"s3://b/%d.jpg","pets":%d,"pets-metadata":{"class-name":"%s","confidence":0.9}}\n'
    lay(tmp_path, {"output.manifest": line % (1, 0, "cat") + line % (2, 1, "dog"), "1.jpg": None, "2.jpg": None})
    assert read(list_dataset(tmp_path / "output.manifest")) == {"1.jpg": "cat", "2.jpg": "dog"}


def test_names_that_windows_left_are_those_of_the_manifest(tmp_path: Path) -> None:
    folder, file = (os.fsdecode(name.encode("cp949")) for name in ("산수", "봄.jpg"))
    lay(tmp_path, {f"{folder}/{file}": None, "manifest.csv": "path,label\n산수/봄.jpg,x\n"})
    dataset = list_dataset(tmp_path)
    assert [entry.path.name for entry in dataset.entries] == [file]
    assert findings(dataset) == {"names of files that an archive left in another encoding, read": 1}


def test_a_class_that_is_known_is_no_wrapper(tmp_path: Path) -> None:
    plant(tmp_path, ["China/song/1.jpg", "China/ming/2.jpg"])
    assert set(read(list_dataset(tmp_path)).values()) == {"ming", "song"}
    assert set(read(list_dataset(tmp_path, known=("china",))).values()) == {"China"}
