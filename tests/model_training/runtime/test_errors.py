from __future__ import annotations

import re

import pytest

from model_training.runtime import errors
from model_training.runtime.errors import HwapungError, ImageError

TREE = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, HwapungError)]


def test_the_one_json_shape() -> None:
    error = ImageError("It is too large.", "Shrink it.", code="picture_too_large", status=413)
    assert error.as_answer() == {
        "error": {"code": "picture_too_large", "message": "It is too large.", "remedy": "Shrink it."}
    }
    assert error.status == 413
    assert str(error) == "It is too large. Shrink it."


def test_one_errors_code_is_not_anothers() -> None:
    ImageError("a", "b", code="empty_body", status=418)
    assert (ImageError("a", "b").code, ImageError("a", "b").status) == ("bad_picture", 400)


@pytest.mark.parametrize("kind", TREE)
def test_every_kind_has_a_code_and_is_drawn_in_the_tree(kind: type[HwapungError]) -> None:
    assert re.fullmatch(r"[a-z_]+", kind.code)
    assert 400 <= kind.status < 600
    assert f" {kind.__name__} " in errors.__doc__.replace("\n", " ")


def test_codes_are_distinct() -> None:
    assert len({kind.code for kind in TREE}) == len(TREE)
