"""Features of many dimensions on a plane: neighbours stay neighbours, distances between clusters mean little.

    python -m analysis.projections FEATURES.npy CACHE      makes both maps, for whoever asks for them later

UMAP is compiled anew in each process, which takes longer than the map itself and keeps one core busy: `making_ahead`
does it beside the rest of a report.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from sklearn.decomposition import PCA

#: Fewer images make no map.
FEWEST = 10
#: More points than this hide one another; a sample drawn by seed stands for all.
MOST = 1000
_COMPONENTS = 50


def sample(count: int, most: int = MOST, seed: int = 0) -> np.ndarray:
    """At most `most` of `count` rows, int, sorted."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, most, replace=False))


def tsne(features: np.ndarray) -> np.ndarray:
    """t-SNE (van der Maaten & Hinton 2008) of (N, F) features, N ≥ 10: float (N, 2), the same for the same features."""
    from openTSNE import TSNE  # type: ignore[import-untyped]

    reduced = _reduce(features)
    perplexity = min(30.0, (len(reduced) - 1) / 3)
    map_of = TSNE(perplexity=perplexity, neighbors="exact", initialization="pca", random_state=0, n_jobs=1)
    return np.asarray(map_of.fit(reduced), np.float64)


def umap(features: np.ndarray) -> np.ndarray:
    """UMAP (McInnes et al. 2018) of (N, F) features, N ≥ 10: float (N, 2), the same for the same features."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library speaks of threads, and of graphs in several pieces
        from umap import UMAP  # type: ignore[import-untyped]

        map_of = UMAP(n_neighbors=min(15, len(features) - 1), random_state=0, n_jobs=1)
        return np.asarray(map_of.fit_transform(_reduce(features)), np.float64)


def keep(project: Callable[[np.ndarray], np.ndarray], features: np.ndarray, cache: Path) -> np.ndarray:
    """`project(features)`, taken from the cache folder where the same features were projected before."""
    path = _place(project, features, cache)
    if not path.exists():
        temporary = path.with_name(f".{path.name}")
        np.save(temporary, project(features))
        temporary.replace(path)
    return np.load(path)


@contextmanager
def making_ahead(features: np.ndarray, cache: Path) -> Iterator[Callable[[], object]]:
    """Both maps of these features are made by another process while the body goes on; yields what waits for it.

    What that process could not do is done by `keep` itself, so that its errors are met where the map is wanted.
    """
    if len(features) < FEWEST or all(_place(project, features, cache).exists() for project in PROJECTIONS):
        yield lambda: None
        return
    with TemporaryDirectory(prefix="hwapung-maps-") as folder:
        file = Path(folder) / "features.npy"
        np.save(file, features)
        path = os.pathsep.join(filter(None, [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH")]))
        process = subprocess.Popen(
            [sys.executable, "-m", "analysis.projections", str(file), str(cache.absolute())],
            env=os.environ | {"PYTHONPATH": path},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield process.wait
        finally:
            process.kill()
            process.wait()


def _place(project: Callable[[np.ndarray], np.ndarray], features: np.ndarray, cache: Path) -> Path:
    return cache / f"{project.__name__}-{hashlib.sha256(features.tobytes()).hexdigest()[:16]}.npy"


def _reduce(features: np.ndarray) -> np.ndarray:
    """The first 50 principal components at most."""
    components = min(_COMPONENTS, *features.shape)
    return PCA(components, random_state=0).fit_transform(np.asarray(features, np.float64))


PROJECTIONS = (tsne, umap)

if __name__ == "__main__":
    for each in PROJECTIONS:
        keep(each, np.load(sys.argv[1]), Path(sys.argv[2]))
