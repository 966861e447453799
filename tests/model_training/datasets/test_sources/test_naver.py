"""Naver webtoon, by the shapes that its pages load."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from model_training.datasets.manifest import read_manifest
from model_training.datasets.sources.collect import collect
from model_training.datasets.sources.naver import Naver
from model_training.progress import Step
from model_training.runtime.errors import DatasetError
from tests.model_training.datasets.test_sources.conftest import Fault, PatientClient, Service, jpeg

INFO = "/api/article/list/info"
EPISODES = "/api/article/list"
WEEK = "/api/webtoon/titlelist/weekday"


def title(number: int, adult: bool = False) -> dict[str, Any]:
    return {
        "titleId": number,
        "titleName": f"작품 {number}",
        "author": "H.C / 타샤토토",
        "adult": adult,
        "finish": False,
    }


def info(query: dict[str, str]) -> dict[str, Any]:
    number = int(query["titleId"])
    tags = [
        {
            "id": 64,
            "tagName": "선결혼후연애",
            "urlPath": "/curation/list?type=CUSTOM_TAG&id=64",
            "curationType": "CUSTOM_TAG",
        }
    ]
    if number != 103:
        genre = "PURE" if number % 2 else "THRILL"
        tags.insert(0, {"id": number, "tagName": "로맨스", "urlPath": "/webtoon", "curationType": f"GENRE_{genre}"})
    return {
        "titleId": number,
        "titleName": f"작품 {number}",
        "webtoonLevelCode": "WEBTOON",
        "author": {
            "writers": [{"id": 1, "name": "H.C"}],
            "painters": [{"id": 2, "name": "타샤토토"}],
            "originAuthors": [],
        },
        "curationTagList": tags,
        "finished": False,
    }


@pytest.fixture
def naver(service: Service) -> Service:
    def episodes(query: dict[str, str]) -> dict[str, Any]:
        page, number = int(query["page"]), int(query["titleId"])
        articles = [
            {
                "no": no,
                "thumbnailUrl": f"{service.url}/thumbnails/{number}/{no}.jpg",
                "subtitle": f"{no}화",
                "starScore": 9.876,
                "serviceDateDescription": "25.02.09",
            }
            for no in range(1 + 2 * (page - 1), 1 + 2 * page)
        ]
        return {"titleId": number, "articleList": articles, "pageInfo": {"totalRows": 4, "totalPages": 2, "page": page}}

    service.answers |= {
        WEEK: {
            "titleListMap": {"MONDAY": [title(102), title(101)], "TUESDAY": [title(101), title(103), title(9, True)]}
        },
        INFO: info,
        EPISODES: episodes,
    }
    for number in (101, 102, 104):
        for no in range(1, 5):
            service.answers[f"/thumbnails/{number}/{no}.jpg"] = jpeg(100 * number + no)
    return service


def start(service: Service, client: PatientClient, **options: Any) -> Naver:
    settings: dict[str, Any] = {"series": 10, "episodes": 3, "accept_terms": True, "base_url": service.url} | options
    return Naver(client, **settings)


def test_nothing_is_asked_before_the_terms_are_accepted(naver: Service, client: PatientClient) -> None:
    with pytest.raises(DatasetError, match=r"terms of use.*--accept-terms"):
        start(naver, client, accept_terms=False)
    assert naver.seen == []


def test_thumbnails_with_series_author_rating_and_genre(
    naver: Service, client: PatientClient, step: Step, tmp_path: Path
) -> None:
    naver.faults[EPISODES] = [Fault(429, {"Retry-After": "9"}), Fault(cut=True)]
    assert collect(start(naver, client), tmp_path, None, step).kept == 6
    entries = read_manifest(tmp_path / "manifest.csv").entries
    assert [entry.path.relative_to(tmp_path).as_posix() for entry in entries][::5] == [
        "pure/naver-101-1.jpg",
        "thrill/naver-102-3.jpg",
    ]
    columns = entries[0].columns
    assert (columns["title"], columns["artist"], columns["rating"]) == ("작품 101", "타샤토토 / H.C", "9.88")
    assert columns["licence"] == "all rights reserved"
    assert not any("titleId=9&" in path or path.endswith("titleId=9") for path in naver.seen)
    assert sum(path == "/robots.txt" for path in naver.seen) == 1
    assert 9.0 in client.waited


def test_finished_series(naver: Service, client: PatientClient, step: Step, tmp_path: Path) -> None:
    naver.answers["/api/webtoon/titlelist/finished"] = lambda query: {
        "titleList": [title(104)] if query["page"] == "2" else [],
        "pageInfo": {"totalPages": 2},
    }
    assert collect(start(naver, client, finished=True), tmp_path, None, step).kept == 3


@pytest.mark.parametrize("rules", ["User-agent: *\nDisallow: /", "User-agent: Hwapung\nDisallow: /api/"])
def test_robots_txt_is_obeyed(naver: Service, client: PatientClient, step: Step, tmp_path: Path, rules: str) -> None:
    naver.answers["/robots.txt"] = rules.encode()
    with pytest.raises(DatasetError, match=r"weekday: robots\.txt of 127\.0\.0\.1:\d+ forbids it"):
        collect(start(naver, client), tmp_path, None, step)
    assert naver.seen == ["/robots.txt"]


def test_robots_txt_may_forbid_the_images_and_slow_all_down(
    naver: Service, client: PatientClient, step: Step, tmp_path: Path
) -> None:
    naver.answers["/robots.txt"] = b"User-agent: *\nCrawl-delay: 7\nDisallow: /thumbnails/"
    with pytest.raises(DatasetError, match=r"/thumbnails/101/1\.jpg: robots\.txt"):
        collect(start(naver, client), tmp_path, None, step)
    assert client.pause == 7


@pytest.mark.parametrize(
    ("path", "answer", "field"),
    [
        (WEEK, {"titles": {}}, "titleListMap"),
        (INFO, {"titleName": "x", "author": "H.C", "curationTagList": []}, "author"),
        (
            EPISODES,
            {"articleList": [{"no": 1, "thumbnail": "x", "starScore": 1}], "pageInfo": {"totalPages": 1}},
            "articleList.0.thumbnailUrl",
        ),
    ],
)
def test_a_changed_field_is_named(
    naver: Service, client: PatientClient, step: Step, tmp_path: Path, path: str, answer: object, field: str
) -> None:
    naver.answers[path] = answer
    with pytest.raises(DatasetError, match=f"{path}.*the field '{field}' is not what it was"):
        collect(start(naver, client), tmp_path, None, step)
