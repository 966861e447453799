"""Datasets of the Hugging Face Hub that hold image files, by its own client, which resumes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

from ...runtime.errors import DatasetError
from ..file_kinds import LEFT_OUT, suffixes
from .archives import candidates, list_images
from .collect import Candidate

#: What is not worth fetching, beside what no folder's reader takes; of all other files the content decides.
_OTHERS = suffixes(
    "arrow bin csv h5 hdf5 htm html ipynb json jsonl lock md mat mp3 npy npz ods onnx parquet pdf pkl pt pth py "
    "safetensors sh toml tsv txt wav xls xlsx xml yaml yml"
)


class HuggingFace:
    """`owner/dataset` at `revision`. Sets whose images lie inside Parquet files have no image files to take."""

    name = "hugging_face"

    def __init__(
        self,
        repository: str,
        label: str | None = None,
        only: str = "",
        revision: str = "main",
        base_url: str | None = None,
    ) -> None:
        self.repository = repository
        self.label = label
        self.only = only.strip("/")
        self.revision = revision
        self.base_url = base_url
        self.total = 0

    def find(self) -> Iterator[Candidate]:
        folder, licence, commit = self._download()
        images = list_images(folder, self.repository, self.only)
        self.total = len(images)
        url = f"https://huggingface.co/datasets/{self.repository}/tree/{commit}"
        yield from candidates(folder, images, self.repository, self.label, url, licence)

    def _download(self) -> tuple[Path, str, str]:
        """The snapshot's folder, its licence by the card, and its commit."""
        ignored = [f"*{suffix}" for each in sorted(LEFT_OUT | _OTHERS) for suffix in (each, each.upper())]
        try:
            info = HfApi(endpoint=self.base_url).dataset_info(self.repository, revision=self.revision)
            commit = info.sha or self.revision
            folder = snapshot_download(
                self.repository,
                repo_type="dataset",
                revision=commit,
                allow_patterns=f"{self.only}/*" if self.only else None,
                ignore_patterns=ignored,
                endpoint=self.base_url,
            )
        except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
            reason = " ".join(str(error).split())[:200]
            raise DatasetError(
                f"{self.repository}: {reason}.", "Check the name and the network; gated sets need a token in HF_TOKEN."
            ) from None
        licence = (info.card_data.get("license") if info.card_data else None) or "see the set's page"
        return Path(folder), licence if isinstance(licence, str) else ", ".join(licence), commit
