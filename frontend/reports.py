"""The report on a model, which `hwapung evaluate` wrote: read from a folder, and kept from speaking for this origin."""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, Response, request, send_from_directory

from . import errors
from .catalogue import Model
from .current import catalogue, settings

blueprint = Blueprint("reports", __name__)

PAGE = "index.html"
#: What lies beside the page: charts, the pictures of the page, tables, the model card.
IMAGES = (".png", ".webp")
LOOK = ("report.css", "report.js")
BESIDE = (*IMAGES, *LOOK, ".csv", ".md")

#: The sandbox gives the page an origin of its own, so that whatever a class's or file's name might smuggle in reads no
#: cookie and no answer of this server. The form of doubtful labels only makes a download.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "sandbox allow-scripts allow-forms allow-downloads",
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",  # for robots.txt: as another origin it still reads no answer
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
@blueprint.get("/models/<name>/report/<any(pictures):folder>/<file>")
def show_report(name: str, file: str = PAGE, folder: str = "") -> Response:
    """The page, or a file beside it. Raises `RequestError` (`no_report`, `not_found`)."""
    report = find_report(catalogue.model(name))
    if report is None:
        raise errors.no_report(name)
    if file != PAGE and not file.endswith(BESIDE):
        raise errors.not_found(request.path)
    response = send_from_directory(report / folder, file)
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    if file.endswith((*IMAGES, *LOOK)):
        # The sandboxed page is another origin than this server. Others may thus show an image, too, but not read it;
        # the script and the style hold nothing of a report.
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response
