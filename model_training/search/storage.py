"""Where a study is kept: a journal file, which needs no server, or a database by its address."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
from optuna.pruners import BasePruner, MedianPruner, NopPruner, SuccessiveHalvingPruner
from optuna.samplers import BaseSampler, GPSampler, NSGAIISampler, QMCSampler, RandomSampler, TPESampler
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from ..datasets.prepare import Prepared
from ..recipe import Recipe, Search
from ..runtime.errors import StudyError
from .space import SECTIONS
from .study import SharedStudy

#: A change of what trials mean must raise this number: a study of another version is not continued.
STUDY_VERSION = 1


def open_study(name: str, place: str, recipe: Recipe, prepared: Prepared) -> SharedStudy:
    """Begin or join the study `name` in the journal file or database at `place`.

    Raises `StudyError` where the storage can't be used, or where the study was begun with another space, other images
    or other settings.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with explain_storage(place):
        storage = _open_storage(place)
        study = optuna.create_study(
            study_name=name,
            storage=storage,
            sampler=_make_sampler(recipe.search),
            pruner=_make_pruner(recipe),
            direction="maximize",
            load_if_exists=True,
        )
        identity = _identify(recipe, prepared)
        if "hwapung" not in study.user_attrs:
            if study.get_trials(deepcopy=False):
                raise StudyError(f"The study {name!r} in {_hide(place)} is not Hwapung's.", "Choose --study OTHER.")
            study.set_user_attr("hwapung", identity)
        _compare(name, place, study.user_attrs["hwapung"], identity)
    return SharedStudy(study, storage, recipe.search)


@contextmanager
def explain_storage(place: str) -> Iterator[None]:
    """Faults of the storage as `StudyError`."""
    try:
        yield
    except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        reason = " ".join(str(error.__cause__ or error).split())[:160]
        raise StudyError(
            f"The study's database {_hide(place)} can't be used ({reason}).", "Start it, or correct --storage."
        ) from None


def _open_storage(place: str) -> BaseStorage:
    if "://" not in place:
        return _open_journal(Path(place))
    try:
        url = make_url(place)
        if url.drivername in ("postgresql", "postgres"):
            url = url.set(drivername="postgresql+pg8000")  # the driver that is installed with us
        engine: dict[str, Any] = {"pool_pre_ping": True}
        return RDBStorage(url.render_as_string(hide_password=False), engine_kwargs=engine)
    except (ArgumentError, NoSuchModuleError, ImportError, ValueError):
        raise StudyError(
            f"{_hide(place)} is no address of a database that can be used.",
            "Write --storage postgresql://user:password@host:5432/database, or the path of a journal file.",
        ) from None


def _open_journal(path: Path) -> BaseStorage:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _mend(path)
        return JournalStorage(JournalFileBackend(str(path)))
    except OSError as error:
        raise StudyError(
            f"{path}: the study can't be written ({error.strerror}).", "Choose another --storage."
        ) from None
    except (ValueError, KeyError, AssertionError, TypeError) as error:
        reason = " ".join(str(error).split())[:120]
        raise StudyError(
            f"{path}: this is no journal of a study, or a damaged one ({reason}).",
            "Choose another place with --storage, or remove the file to begin again.",
        ) from None


def _mend(path: Path) -> None:
    """Drop a last line that was cut off when the disk or the power failed: the next one would be glued to it."""
    if not path.exists():
        return
    lock = JournalFileSymlinkLock(str(path))
    lock.acquire()
    try:
        with path.open("r+b") as file:
            size = file.seek(0, os.SEEK_END)
            start = max(0, size - 2**20)
            file.seek(start)
            tail = file.read()
            if tail and not tail.endswith(b"\n"):
                file.truncate(start + tail.rfind(b"\n") + 1)
    finally:
        lock.release()


def _make_sampler(search: Search) -> BaseSampler:
    seed = None if search.seed is None else search.seed + os.getpid()  # processes must not draw the same points
    samplers: dict[str, Any] = {
        "grid": lambda: RandomSampler(seed),
        "random": lambda: RandomSampler(seed),
        "tpe": lambda: TPESampler(multivariate=True, constant_liar=True, seed=seed),
        "gp": lambda: GPSampler(seed=seed),
        "nsgaii": lambda: NSGAIISampler(seed=seed),
        "qmc": lambda: QMCSampler(seed=search.seed, warn_independent_sampling=False),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return samplers[search.sampler]()


def _make_pruner(recipe: Recipe) -> BasePruner:
    if recipe.search.prune == "median":
        return MedianPruner(n_startup_trials=8, n_warmup_steps=1)
    if recipe.search.prune == "halving":
        # Asynchronous successive halving (Li et al. 2020, "A system for massively parallel hyperparameter tuning"). An
        # epoch of warm-up says nothing yet.
        return SuccessiveHalvingPruner(min_resource=1 + recipe.training.warmup_epochs, reduction_factor=4)
    return NopPruner()


def _identify(recipe: Recipe, prepared: Prepared) -> dict[str, Any]:
    """What makes trials comparable: the space, the images with their split, and the settings outside the space."""
    space = recipe.search.model_dump(mode="json")["space"]
    settings = recipe.model_dump(mode="json", include={"preprocessing", *SECTIONS})
    flat = {key: value for key, value in _flatten(settings).items() if key not in space}
    return {
        "version": STUDY_VERSION,
        "space": {key: list(each) if isinstance(each, tuple) else each for key, each in space.items()},
        "pictures": prepared.provenance.fingerprint,
        "settings": flat,
    }


def _flatten(content: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in content.items():
        flat |= _flatten(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return flat


def _compare(name: str, place: str, found: dict[str, Any], wanted: dict[str, Any]) -> None:
    where = f"The study {name!r} in {_hide(place)}"
    remedy = "Begin another one with --study NAME, or go back to what it was begun with."
    if found["version"] != wanted["version"]:
        raise StudyError(f"{where} was made by another version of this program.", remedy)
    if found["space"] != wanted["space"]:
        key = _first_difference(found["space"], wanted["space"])
        was = found["space"].get(key, "not in it")
        raise StudyError(f"{where} was begun with another space ({key} was {was}).", remedy)
    if found["settings"] != wanted["settings"]:
        key = _first_difference(found["settings"], wanted["settings"])
        raise StudyError(f"{where} was begun with {key}={found['settings'].get(key)}.", remedy)
    if found["pictures"] != wanted["pictures"]:
        raise StudyError(f"{where} was begun with other pictures, or another split of them.", remedy)


def _first_difference(one: dict[str, Any], other: dict[str, Any]) -> str:
    return next(key for key in {**one, **other} if one.get(key) != other.get(key))


def _hide(place: str) -> str:
    """The place without its password."""
    if "://" not in place:
        return place
    try:
        return make_url(place).render_as_string(hide_password=True)
    except (ArgumentError, ValueError):
        return place.partition("://")[0] + "://…"
