"""`hwapung data fetch SOURCE --out FOLDER`: one command a source."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...progress import Step, console, follow
from ..icons.sets import DEFAULT_SETS

if TYPE_CHECKING:
    from .collect import Source

fetch = typer.Typer(
    no_args_is_help=True, help="Fetch pictures into a folder with a manifest; goes on where it stopped."
)

Out = Annotated[Path, typer.Option(help="folder of the pictures and of their manifest.csv")]
Query = Annotated[str, typer.Option(help="what to search for")]
Label = Annotated[str | None, typer.Option(help="class of what is found; the query if not given")]
SetLabel = Annotated[str | None, typer.Option(help="class of every picture; its folder's name if not given")]
Only = Annotated[str | None, typer.Option(help="take only this folder of the set")]
Department = Annotated[str | None, typer.Option(help="the museum's department, by name")]
Count = Annotated[int | None, typer.Option(help="pictures to have in the end; all if not given", min=1)]
BaseUrl = Annotated[str | None, typer.Option(help="another address of the service")]


@fetch.command()
def met(
    out: Out,
    query: Query,
    label: Label = None,
    department: Department = None,
    count: Count = None,
    base_url: BaseUrl = None,
) -> None:
    """The Metropolitan Museum of Art: works under CC0, no account."""
    from .client import Client
    from .met import BASE_URL, PAUSE, Met

    source = Met(Client(PAUSE), query, label or query, department, base_url or BASE_URL)
    _bring(source, out, count)


@fetch.command()
def chicago(
    out: Out,
    query: Query,
    label: Label = None,
    department: Department = None,
    count: Count = None,
    base_url: BaseUrl = None,
) -> None:
    """The Art Institute of Chicago: works in the public domain, no account."""
    from .chicago import BASE_URL, PAUSE, Chicago
    from .client import Client

    source = Chicago(Client(PAUSE), query, label or query, department, base_url or BASE_URL)
    _bring(source, out, count)


@fetch.command()
def naver(
    out: Out,
    series: Annotated[int, typer.Option(help="series to take thumbnails of", min=1)] = 100,
    episodes: Annotated[int, typer.Option(help="thumbnails of each series", min=1)] = 20,
    finished: Annotated[bool, typer.Option("--finished", help="finished series instead of running ones")] = False,
    accept_terms: Annotated[bool, typer.Option("--accept-terms", help="you have read the notice")] = False,
    count: Count = None,
    base_url: BaseUrl = None,
) -> None:
    """Naver webtoon's thumbnails, by genre. Prints a notice of terms, and does nothing before it is accepted."""
    from .client import Client
    from .naver import BASE_URL, NOTICE, PAUSE, Naver

    source = Naver(
        Client(PAUSE), series, episodes, finished=finished, accept_terms=accept_terms, base_url=base_url or BASE_URL
    )
    console.print(NOTICE)
    _bring(source, out, count)


@fetch.command()
def kaggle(
    wanted: Annotated[str, typer.Argument(metavar="SET", help="landscape, ukiyo_e, ai_fruit, or owner/dataset")],
    out: Out,
    label: SetLabel = None,
    only: Only = None,
    count: Count = None,
) -> None:
    """A dataset of Kaggle, by its own client (requirements/sources.txt)."""
    from .kaggle import Kaggle

    _bring(Kaggle(wanted, label, only), out, count)


@fetch.command("hugging-face")
def hugging_face(
    repository: Annotated[str, typer.Argument(help="owner/dataset")],
    out: Out,
    label: SetLabel = None,
    only: Only = None,
    revision: Annotated[str, typer.Option(help="branch, tag or commit")] = "main",
    count: Count = None,
    base_url: BaseUrl = None,
) -> None:
    """A dataset of image files on the Hugging Face Hub."""
    from .hugging_face import HuggingFace

    _bring(HuggingFace(repository, label, only or "", revision, base_url), out, count)


@fetch.command()
def domainnet(
    out: Out,
    labels: Annotated[str, typer.Option(help="comma-separated objects; all 345 if not given")] = "",
    cache: Annotated[Path, typer.Option(help="where the archive is kept")] = Path("build/downloads"),
    count: Count = None,
    base_url: BaseUrl = None,
) -> None:
    """DomainNet's sketches, for non-commercial research."""
    from .client import Client
    from .domainnet import BASE_URL, DomainNet

    with follow("Fetching the archive") as step:
        _bring(DomainNet(Client(), cache, step, _split(labels), base_url or BASE_URL), out, count, step)


@fetch.command()
def icons(
    out: Out,
    sets: Annotated[
        str, typer.Option(help="comma-separated; openmoji is there, too: what is made of it is CC BY-SA 4.0")
    ] = ",".join(DEFAULT_SETS),
    labels: Annotated[str, typer.Option(help="comma-separated classes; all if not given")] = "",
    each: Annotated[int, typer.Option(help="drawings of every icon", min=1)] = 12,
    seed: Annotated[int, typer.Option(help="of the hands that draw", min=0)] = 0,
    cache: Annotated[Path, typer.Option(help="where the packages are kept")] = Path("build/downloads"),
    count: Count = None,
    base_url: BaseUrl = None,
) -> None:
    """Open icon sets from the npm registry, drawn as by hand: single objects with names, licences beside them."""
    from ..icons.source import Icons
    from .client import Client
    from .npm import find_registry

    with follow("Fetching the icon sets") as step:
        source = Icons(
            Client(attempts=3),
            cache,
            (base_url or find_registry()).rstrip("/"),
            step.update,
            sets=_split(sets),
            labels=_split(labels),
            each=each,
            seed=seed,
        )
        source.write_licences(out / "licences")
    _bring(source, out, count)


def _split(words: str) -> tuple[str, ...]:
    return tuple(word for word in words.split(",") if word)


def _bring(source: Source, out: Path, count: int | None, step: Step | None = None) -> None:
    from .collect import collect

    if step is None:
        with follow(f"Fetching from {source.name}") as new_step:
            return _bring(source, out, count, new_step)
    done = collect(source, out, count, step)
    over = f", {done.passed_over} passed over (not free, or no picture)" if done.passed_over else ""
    console.print(f"{out}: {done.kept} pictures from {source.name}, {done.new} of them new{over}.")
    return None
