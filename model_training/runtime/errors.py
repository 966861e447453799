"""Every error that we raise on purpose, as one small tree.

HwapungError                 code, message, remedy, HTTP status
├── ImageError               the image that was sent can't be used
├── CardError                a card that can't be read: broken, or of another schema version
├── BundleError              a bundle whose files are missing or do not belong together
│   └── FormError            a form of the network that the bundle has not, or that this processor can't compute
├── RecipeError              a recipe with an unknown key or a value out of range
├── DatasetError             a folder of images that can't be trained on
├── WeightsError             pretrained weights that can't be had or do not fit
├── CheckpointError          a run that can't be resumed
├── StudyError               a search whose storage can't be used, or that was begun with another space
├── ServingError             TorchServe or an archive that can't be made or started, or a server that does not answer
├── OutputError              a table of answers that can't be written, or that was begun by something else
└── StoppedError             a table of answers that ended early, and can be gone on with
"""

from __future__ import annotations


def make_printable(name: str) -> str:
    """One line that any terminal and file can take: what is no letter (a newline, a byte of another encoding, a mark
    that turns the direction of writing) is written as its escape."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in name)


class HwapungError(Exception):
    """A fault that the person at the other end can mend.

    `code` is stable and made for programs; `message` names the thing that is wrong; `remedy` says what to do about it.
    `status` is the HTTP status of an answer that carries this error.
    """

    code = "error"
    status = 500

    def __init__(self, message: str, remedy: str, *, code: str | None = None, status: int | None = None) -> None:
        # Names and cells of other people's files are quoted in it: none may break the line or colour a terminal.
        self.message, self.remedy = make_printable(message), make_printable(remedy)
        super().__init__(self.message, self.remedy)
        if code is not None:
            self.code = code
        if status is not None:
            self.status = status

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}"

    def as_answer(self) -> dict[str, dict[str, str]]:
        """The one JSON shape of an error: `{"error": {"code", "message", "remedy"}}`."""
        return {"error": {"code": self.code, "message": self.message, "remedy": self.remedy}}


class ImageError(HwapungError):
    code = "bad_picture"
    status = 400


class CardError(HwapungError):
    code = "bad_card"


class BundleError(HwapungError):
    code = "bad_bundle"


class FormError(BundleError):
    code = "bad_form"


class RecipeError(HwapungError):
    code = "bad_recipe"


class DatasetError(HwapungError):
    code = "bad_dataset"


class WeightsError(HwapungError):
    code = "bad_weights"


class CheckpointError(HwapungError):
    code = "bad_checkpoint"


class StudyError(HwapungError):
    code = "bad_study"


class ServingError(HwapungError):
    code = "bad_serving"


class OutputError(HwapungError):
    code = "bad_output"


class StoppedError(HwapungError):
    code = "stopped"
