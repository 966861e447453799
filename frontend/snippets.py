"""A request to the API as a program of a few lines, in the languages that most people ask from."""

from __future__ import annotations

import json
import mimetypes
import shlex

Snippet = tuple[str, str]


def make_snippets(address: str, name: str, source: str | None = None) -> tuple[Snippet, ...]:
    """Return (language, code) of a `POST` of the picture file `name` to `address`.

    `source`: where the picture lies on a server, if it is no file of whoever asks.
    """
    media_type = mimetypes.guess_type(name)[0] or ""
    kind = media_type if media_type.startswith("image/") else "application/octet-stream"
    # A string of JSON is one of Python and of JavaScript, too.
    to, at, header = (json.dumps(each, ensure_ascii=False) for each in (address, source or name, kind))
    if source:
        curl = f"curl -s {shlex.quote(source)} | curl --data-binary @-"
        python = f"picture = requests.get({at}).content"
        script = f"const picture = await (await fetch({at})).arrayBuffer();"
    else:
        curl = f"curl --data-binary {shlex.quote('@' + name)}"
        python = f'picture = open({at}, "rb").read()'
        script = f'import {{ readFile }} from "node:fs/promises";\n\nconst picture = await readFile({at});'
    return (
        ("curl", f"{curl} -H 'Content-Type: {kind}' \\\n  {shlex.quote(address)}"),
        (
            "Python",
            f"import requests\n\n{python}\n"
            f'reply = requests.post({to}, data=picture, headers={{"Content-Type": {header}}})\nprint(reply.json())',
        ),
        (
            "JavaScript",
            f"{script}\nconst reply = await fetch({to}, {{\n"
            f'  method: "POST",\n  body: picture,\n  headers: {{ "Content-Type": {header} }},\n}});\n'
            "console.log(await reply.json());",
        ),
    )
