from __future__ import annotations

import pytest
import torch

from model_training.runtime.device import choose_device
from model_training.runtime.errors import RecipeError


@pytest.mark.parametrize(
    ("asked", "there", "given"),
    [("cpu", 2, "cpu"), ("auto", 0, "cpu"), ("auto", 1, "cuda:0"), ("cuda", 1, "cuda:0"), ("cuda:1", 2, "cuda:1")],
)
def test_what_is_asked_is_done(asked: str, there: int, given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: there)
    assert choose_device(asked) == given


@pytest.mark.parametrize(
    ("asked", "said"),
    [("tpu", "There is no device 'tpu'."), ("cuda:x", "There is no device 'cuda:x'."),
     ("cuda", "This machine has no device 'cuda'."), ("cuda:1", "This machine has no device 'cuda:1'.")],
)  # fmt: skip
def test_or_refused(asked: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(RecipeError) as caught:
        choose_device(asked)
    assert caught.value.message == said
