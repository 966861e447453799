"""docs/recipe.md: every key of a recipe, from the schema that reads it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from model_training.detection.recipe import DetectionRecipe
from model_training.recipe import Recipe
from model_training.recipe.read import RENAMED_KEYS, RENAMED_VALUES

from .tables import HEAD, make_table

INTRODUCTION = """
# The recipe
A recipe is a YAML file, under `model_training/recipes/` or anywhere else; [training.md](training.md) shows how it is
used. Every key can be given on the command line by its dotted name: `training.epochs=20`. An unknown key or a value out
of range is an error that names the key and the remedy. `extends: NAME` takes over another recipe; then only what
differs is written. A text for people is written `{en: …, ko: …}`; one language is enough."""


def describe_recipes() -> str:
    """The page: classifiers, detectors, old names."""
    renamed = []
    for old, new in RENAMED_KEYS.items():
        values = [f"`{was}` → `{now}`" for (key, was), now in RENAMED_VALUES.items() if key == new]
        renamed.append([f"`{old}`", f"`{new}`", ", ".join(values)])
    lines = [
        HEAD,
        INTRODUCTION,
        "",
        "## Classifiers",
        *describe_model(Recipe),
        "",
        "## Detectors",
        "A recipe with `task: detection` has these keys instead.",
        *describe_model(DetectionRecipe),
        "",
        "## Old names",
        "Understood for one version, with a warning.",
        "",
        *make_table(["old", "new", "values"], renamed),
    ]
    return "\n".join(lines) + "\n"


def describe_model(model: type[BaseModel]) -> Iterator[str]:
    """A table for the keys on top and one for each section."""
    schema = model.model_json_schema()
    yield from describe_section("", schema, {}, schema.get("$defs", {}))


def describe_section(prefix: str, schema: dict[str, Any], given: Any, defs: dict[str, Any]) -> Iterator[str]:
    """`given`: the section's own defaults where its parent sets others than the keys do."""
    below: list[tuple[str, dict[str, Any], Any]] = []
    rows: list[list[str]] = []
    for name, field in schema["properties"].items():
        section = find_section(field, defs)
        default = given[name] if given and name in given else field.get("default", ...)
        if section and default not in (None, ...):
            below.append((f"{prefix}{name}.", section, default))
            continue
        if section:
            below.append((f"{prefix}{name}.", section, None))
        if section and name in schema.get("required", ()):
            continue
        told = "required" if name in schema.get("required", ()) else phrase_default(default)
        rows.append([f"`{prefix}{name}`", describe_type(field, defs), told, field.get("description", "")])
    if rows:
        yield from ("", *make_table(["key", "values", "default", "meaning"], rows))
    for path, section, default in below:
        yield from ("", f"### {path.rstrip('.')}")
        if words := section.get("description"):
            yield " ".join(words.split())
        yield from describe_section(path, section, default, defs)


def find_section(field: dict[str, Any], defs: dict[str, Any]) -> dict[str, Any] | None:
    """The schema of a field that holds keys of its own, also where it may be null."""
    for part in field.get("anyOf", field.get("allOf", [field])):
        name = part.get("$ref", "").rpartition("/")[2]
        if name and name != "Text" and "properties" in defs[name]:
            return defs[name]
    return None


def phrase_default(default: Any) -> str:
    if default is ... or default in ([], {}, ()):
        return "none"
    return f"`{json.dumps(default, ensure_ascii=False)}`"


def describe_type(field: dict[str, Any], defs: dict[str, Any]) -> str:
    """A JSON schema in a few words: `integer from 1`, `text`, one of several words."""
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        if name == "Text":
            return "text for people"
        inner = defs[name]
        return f"{{{', '.join(inner['properties'])}}}" if "properties" in inner else describe_type(inner, defs)
    if "anyOf" in field:
        return " or ".join(dict.fromkeys(describe_type(part, defs) for part in field["anyOf"]))
    if "allOf" in field:
        return describe_type(field["allOf"][0], defs)
    if "const" in field:
        return f"`{field['const']}`"
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    match field.get("type"):
        case "array" if "prefixItems" in field:
            return f"list of {len(field['prefixItems'])}: {describe_type(field['prefixItems'][0], defs)}"
        case "array":
            return "list of " + describe_type(field.get("items", {}), defs)
        case "object":
            keys = describe_type(field.get("propertyNames", {"type": "string"}), defs)
            return f"map of {keys} to {describe_type(field.get('additionalProperties', {}), defs)}"
        case "integer" | "number" as kind:
            return kind + phrase_range(field)
        case "boolean":
            return "`true`, `false`"
        case "null":
            return "`null`"
        case _:
            return f"text like `{field['pattern']}`" if "pattern" in field else "text"


def phrase_range(field: dict[str, Any]) -> str:
    words = {"minimum": "from", "exclusiveMinimum": "above", "maximum": "to", "exclusiveMaximum": "below"}
    told = [f"{word} {field[key]:g}" for key, word in words.items() if key in field]
    if "multipleOf" in field:
        told.append(f"in steps of {field['multipleOf']:g}")
    return " " + " ".join(told) if told else ""
