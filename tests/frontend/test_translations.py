"""Every text of the pages exists in Korean, and the compiled file that is committed is the one that is read."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter
from typing import get_args

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

from frontend import wording
from frontend.classify import openapi
from model_training.runtime.card import Reason

FRONT_END = Path(wording.__file__).parent
KOREAN = FRONT_END / "translations" / "ko" / "LC_MESSAGES"
METHODS = [("**.py", "python"), ("templates/**.html", "jinja2")]


def korean() -> Catalog:
    with (KOREAN / "messages.po").open("rb") as file:
        return read_po(file, locale="ko")


def texts() -> set[str]:
    keywords = {"_": None, "gettext": None, "lazy_gettext": None}
    found = {str(message) for _, _, message, _, _ in extract_from_dir(FRONT_END, METHODS, keywords=keywords)}
    assert len(found) > 80
    return found


def test_every_text_is_translated() -> None:
    catalogue = korean()
    untranslated = {text for text in texts() if text not in catalogue or not catalogue[text].string}
    assert untranslated == set()


def test_no_translation_is_left_over_or_in_doubt() -> None:
    catalogue = korean()
    assert {str(message.id) for message in catalogue if message.id} == texts()
    assert [message.id for message in catalogue if message.id and message.fuzzy] == []


def test_translations_keep_their_placeholders() -> None:
    for message in korean():
        if message.id:
            assert list(message.check()) == []
            names = {name for _, name, _, _ in Formatter().parse(str(message.id).replace("%(", "(")) if name}
            for name in names:
                assert f"{{{name}}}" in str(message.string)


def test_one_thing_has_one_korean_word() -> None:
    """Once other words stood beside 평가, 클래스, 확신도, 장, 선택, 첫 화면, 에폭 and 검증 그림."""
    others = re.compile(r"시험|분류|신뢰도|[)}]s?점|골라|고르|고른|첫 페이지|에포크|(학습|검증|평가)용")
    assert [message.string for message in korean() if others.search(str(message.string))] == []


def test_the_compiled_file_is_up_to_date() -> None:
    with (KOREAN / "messages.mo").open("rb") as file:
        compiled = {message.id: message.string for message in read_mo(file) if message.id}
    assert compiled == {message.id: message.string for message in korean() if message.id}


def test_every_reason_has_words() -> None:
    assert set(wording.REASONS) == set(wording.SHORT_REASONS) == set(get_args(Reason))
    assert get_args(openapi.Reason) == get_args(Reason)


def test_every_error_code_has_words() -> None:
    codes = (
        "empty_body broken_upload not_a_picture broken_picture picture_too_large unknown_model not_found wrong_method "
        "wrong_task no_report unsupported_body too_many_requests model_failed model_starting model_busy model_down "
        "model_too_slow offline internal_error empty_video not_a_video still_picture no_video_stream broken_video "
        "truncated_video wrong_parameter no_video_model video_too_large video_too_long frame_too_large unknown_codec "
        "too_many_videos no_room unknown_task model_outdated no_file unreadable_form cross_site unknown_host "
        "batch_too_large too_many_pictures zip_too_large not_a_zip no_pictures encrypted_entry broken_entry "
        "too_many_batches unreadable_request head_too_large video_too_dear"
    )
    assert set(wording.ERRORS) == set(codes.split())
