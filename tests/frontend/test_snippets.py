"""Requests as programs: the names in them may hold anything."""

from __future__ import annotations

import ast
import shlex

import pytest

from frontend.snippets import make_snippets

ADDRESS = "http://127.0.0.1:8000/api/v1/models/landscape/predict"


@pytest.mark.parametrize("name", ["a.jpg", 'it\'s "mine"; rm -rf $HOME.png', "그림.webp", "no suffix"])
def test_any_name_is_quoted(name: str) -> None:
    snippets = dict(make_snippets(ADDRESS, name))
    words = shlex.split(snippets["curl"])
    assert words[:3] == ["curl", "--data-binary", f"@{name}"]
    assert words[-1] == ADDRESS
    said = [each.value for each in ast.walk(ast.parse(snippets["Python"])) if isinstance(each, ast.Constant)]
    assert name in said
    assert ADDRESS in said


def test_a_picture_on_the_server_is_fetched_first() -> None:
    source = "http://127.0.0.1:8000/models/landscape/examples/one/picture"
    snippets = dict(make_snippets(ADDRESS, "one", source))
    assert snippets["curl"].startswith(f"curl -s {source} | curl --data-binary @-")
    assert f'requests.get("{source}").content' in snippets["Python"]
    assert f'await fetch("{source}")' in snippets["JavaScript"]
