"""The Met and the Art Institute of Chicago, by the shapes that their documentation shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from model_training.datasets.manifest import read_manifest
from model_training.datasets.sources.chicago import Chicago
from model_training.datasets.sources.collect import collect
from model_training.datasets.sources.met import Met
from model_training.progress import Step
from model_training.runtime.errors import DatasetError
from tests.model_training.datasets.test_sources.conftest import Fault, PatientClient, Service, jpeg


def met_work(service: Service, number: int, **changes: Any) -> dict[str, Any]:
    return {
        "objectID": number,
        "isHighlight": False,
        "accessionNumber": "36.100.45",
        "isPublicDomain": True,
        "primaryImage": f"{service.url}/CRDImages/as/original/{number}.jpg",
        "primaryImageSmall": f"{service.url}/CRDImages/as/web-large/{number}.jpg",
        "additionalImages": [],
        "department": "Asian Art",
        "title": "Quail and Millet",
        "culture": "Japan",
        "artistDisplayName": "Kiyohara Yukinobu",
        "artistDisplayBio": "Japanese, 1643–1868",
        "objectURL": f"https://www.metmuseum.org/art/collection/search/{number}",
    } | changes


@pytest.fixture
def museum(service: Service) -> Service:
    service.answers["/search"] = {"total": 4, "objectIDs": [45734, 36131, 40001, 50002]}
    service.answers["/departments"] = {
        "departments": [
            {"departmentId": 1, "displayName": "American Decorative Arts"},
            {"departmentId": 6, "displayName": "Asian Art"},
        ]
    }
    for number in (36131, 45734, 50002):
        service.answers[f"/objects/{number}"] = met_work(service, number)
        service.answers[f"/CRDImages/as/web-large/{number}.jpg"] = jpeg(number)
    service.answers["/objects/40001"] = met_work(service, 40001, isPublicDomain=False)
    service.answers["/CRDImages/as/web-large/40001.jpg"] = jpeg(40001)  # in reach, but not free
    return service


def test_met_brings_what_is_free(museum: Service, client: PatientClient, step: Step, tmp_path: Path) -> None:
    museum.faults["/objects/36131"] = [Fault(429, {"Retry-After": "3"}), Fault(500), Fault(cut=True)]
    museum.faults["/CRDImages/as/web-large/36131.jpg"] = [Fault(cut=True)]
    source = Met(client, "landscape", "japan", "asian art", museum.url)
    done = collect(source, tmp_path, 2, step)
    assert (done.kept, done.passed_over) == (2, 1)
    entries = read_manifest(tmp_path / "manifest.csv").entries
    assert [entry.path.name for entry in entries] == ["met-36131.jpg", "met-45734.jpg"]
    assert entries[0].label == "japan"
    assert entries[0].columns["artist"] == "Kiyohara Yukinobu"
    assert entries[0].columns["licence"] == "CC0-1.0"
    assert entries[0].path.read_bytes() == jpeg(36131)
    assert museum.seen[:2] == ["/departments", "/search?q=landscape&hasImages=true&departmentId=6"]
    assert client.waited == [3.0, 2.0, 4.0, 1.0]
    before = len(museum.seen)
    collect(Met(client, "landscape", "japan", "6", museum.url), tmp_path, 2, step)
    assert [path for path in museum.seen[before:] if "/CRDImages" in path] == []


def test_met_takes_the_whole_image_where_there_is_no_small_one(
    museum: Service, client: PatientClient, step: Step, tmp_path: Path
) -> None:
    museum.answers["/search"] = {"total": 1, "objectIDs": [45734]}
    museum.answers["/objects/45734"] = met_work(museum, 45734, primaryImageSmall="")
    museum.answers["/CRDImages/as/original/45734.jpg"] = jpeg(1)
    assert collect(Met(client, "quail", "japan", None, museum.url), tmp_path, None, step).kept == 1


def test_met_finds_nothing(museum: Service, client: PatientClient, step: Step, tmp_path: Path) -> None:
    museum.answers["/search"] = {"total": 0, "objectIDs": None}
    with pytest.raises(DatasetError, match="The Met finds nothing for 'xyzzy'"):
        collect(Met(client, "xyzzy", "x", None, museum.url), tmp_path, None, step)
    with pytest.raises(DatasetError, match=r"no department 'Asian Arts'\. Did you mean 'Asian Art'"):
        collect(Met(client, "landscape", "x", "Asian Arts", museum.url), tmp_path, None, step)


def test_met_changed(museum: Service, client: PatientClient, step: Step, tmp_path: Path) -> None:
    work = met_work(museum, 36131)
    work["primary_image"] = work.pop("primaryImage")
    museum.answers["/objects/36131"] = work
    with pytest.raises(DatasetError, match="/objects/36131: the field 'primaryImage' is not what it was"):
        collect(Met(client, "landscape", "x", None, museum.url), tmp_path, None, step)


def chicago_page(service: Service, query: dict[str, str]) -> dict[str, Any]:
    page, limit = int(query["page"]), int(query["limit"])
    works = [
        {
            "_score": 226.3941,
            "id": number,
            "title": f"Stacks of Wheat {number}",
            "artist_title": "Claude Monet" if number % 2 else None,
            "department_title": "Arts of Asia" if number < 110 else "Painting and Sculpture of Europe",
            "image_id": f"image-{number}" if number != 3 else None,
            "is_public_domain": True,
        }
        for number in range(120)
    ]
    return {
        "preference": None,
        "pagination": {
            "total": 120,
            "limit": limit,
            "offset": (page - 1) * limit,
            "total_pages": 2,
            "current_page": page,
        },
        "data": works[(page - 1) * limit : page * limit],
        "info": {"license_text": "…", "version": "1.8"},
        "config": {"iiif_url": f"{service.url}/iiif/2", "website_url": "https://www.artic.edu"},
    }


@pytest.fixture
def institute(service: Service) -> Service:
    service.answers["/artworks/search"] = lambda query: chicago_page(service, query)
    for number in range(120):
        service.answers[f"/iiif/2/image-{number}/full/843,/0/default.jpg"] = jpeg(number)
    return service


def test_chicago_pages_and_filters(institute: Service, client: PatientClient, step: Step, tmp_path: Path) -> None:
    institute.faults["/artworks/search"] = [Fault(500)]
    source = Chicago(client, "wheat", "france", "painting and sculpture of europe", institute.url)
    assert collect(source, tmp_path, None, step).kept == 10
    entries = read_manifest(tmp_path / "manifest.csv").entries
    assert entries[0].path.name == "chicago-110.jpg"
    assert entries[0].columns["artist"] == ""
    assert entries[1].columns["artist"] == "Claude Monet"
    assert entries[0].columns["url"] == f"{institute.url}/iiif/2/image-110/full/843,/0/default.jpg"
    assert "query%5Bterm%5D%5Bis_public_domain%5D=true" in institute.seen[0]
    assert sum("page=2" in path for path in institute.seen) == 1


def test_chicago_passes_works_without_an_image_over(
    institute: Service, client: PatientClient, step: Step, tmp_path: Path
) -> None:
    collect(Chicago(client, "wheat", "x", None, institute.url), tmp_path, 4, step)
    assert [entry.path.stem for entry in read_manifest(tmp_path / "manifest.csv").entries] == [
        "chicago-0",
        "chicago-1",
        "chicago-2",
        "chicago-4",
    ]


def test_chicago_does_not_page_deeper_than_it_may(institute: Service, client: PatientClient) -> None:
    def endless(query: dict[str, str]) -> dict[str, Any]:
        page = chicago_page(institute, query | {"page": "1"})
        page["pagination"]["total_pages"] = 5000
        return page

    institute.answers["/artworks/search"] = endless
    next(Chicago(client, "wheat", "x", None, institute.url).find())
    assert len(institute.seen) == 10


def test_chicago_changed_and_unknown(institute: Service, client: PatientClient, step: Step, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"department 'Arts of Africa'\. Did you mean 'Arts of Asia'"):
        collect(Chicago(client, "wheat", "x", "Arts of Africa", institute.url), tmp_path, None, step)

    def renamed(query: dict[str, str]) -> dict[str, Any]:
        page = chicago_page(institute, query)
        page["config"]["iiif"] = page["config"].pop("iiif_url")
        return page

    institute.answers["/artworks/search"] = renamed
    with pytest.raises(DatasetError, match=r"the field 'config\.iiif_url' is not what it was"):
        collect(Chicago(client, "wheat", "x", None, institute.url), tmp_path, None, step)
