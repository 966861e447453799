"""The report on a model, which `hwapung evaluate` wrote: read from a folder, and kept from speaking for this origin."""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, Response, send_from_directory

from . import errors
from .catalogue import Model
from .current import catalogue, settings

blueprint = Blueprint("reports", __name__)

PAGE = "index.html"
#: What lies beside the page: charts, tables, the model card.
BESIDE = (".png", ".csv", ".md")

#: A report is one file with its scripts, styles and images inside it. The sandbox gives it an origin of its own, so
#: that whatever a class's or file's name might smuggle in reads no cookie and asks nothing of this server; the form of
#: doubtful labels only makes a download.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "sandbox allow-scripts allow-forms allow-downloads",
        "default-src 'none'",
        "script-src 'unsafe-inline'",
        "style-src 'unsafe-inline'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)


def find_report(model: Model) -> Path | None:
    """The folder of the report on the version that is served; None where there is none."""
    if settings.reports is None:
        return None
    # A report is on the bundle; a served version may also name the form that answers: 1.0+int8.
    version = str(model.card["version"]).partition("+")[0]
    folder = settings.reports.absolute() / model.name / version
    return folder if (folder / PAGE).is_file() else None


@blueprint.get("/models/<name>/report/")
@blueprint.get("/models/<name>/report/<file>")
def show_report(name: str, file: str = PAGE) -> Response:
    """The page, or a file beside it. Raises `RequestError` (`no_report`, `not_found`)."""
    folder = find_report(catalogue.model(name))
    if folder is None:
        raise errors.no_report(name)
    if file != PAGE and not file.endswith(BESIDE):
        raise errors.not_found(f"/models/{name}/report/{file}")
    response = send_from_directory(folder, file)
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    return response
