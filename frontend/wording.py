"""What the pages say about errors, verdicts and metrics, by code, in the visitor's language."""

from __future__ import annotations

from flask_babel import lazy_gettext as _
from flask_babel.speaklater import LazyString

#: code → (what is wrong, what to do)
ERRORS: dict[str, tuple[LazyString, LazyString]] = {
    "empty_body": (_("No picture was chosen."), _("Choose a picture and try again.")),
    "no_file": (_("There is no file in what was sent."), _("Choose a file and try again.")),
    "unreadable_request": (_("We can't read what was sent."), _("Load the page again.")),
    "head_too_large": (_("Your browser sent too much beside it."), _("Delete this site's cookies.")),
    "unreadable_form": (_("We can't read what was sent."), _("Choose a file and try again.")),
    "cross_site": (_("Another site's page sent this."), _("Start again from the first page.")),
    "unknown_host": (_("This page has another address."), _("Ask whoever runs it.")),
    "broken_upload": (_("The upload broke off before its end."), _("Check your connection and try again.")),
    "not_a_picture": (
        _("This file is not a picture that we can read."),
        _("Choose a JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF."),
    ),
    "broken_picture": (_("This picture is damaged."), _("Save it again or choose another one.")),
    "picture_too_large": (_("This picture is too large."), _("Save it smaller and try again.")),
    "unknown_model": (_("There is no such model."), _("Choose one from the first page.")),
    "unknown_task": (_("There is no page for models of this kind."), _("Choose another one from the first page.")),
    "wrong_task": (_("This model does not read drawings."), _("Choose one from the first page.")),
    "not_found": (_("There is no such page."), _("Start again from the first page.")),
    "no_report": (
        _("There is no report on this model yet."),
        _("It appears here once the model has been analysed."),
    ),
    "wrong_method": (_("This can't be done here."), _("Start again from the first page.")),
    "unsupported_body": (_("We can't read what was sent."), _("Choose a picture and try again.")),
    "too_many_requests": (_("That was a lot of pictures at once."), _("Wait a little and try again.")),
    "model_outdated": (_("This model was made by another version."), _("Ask whoever runs this page to make it again.")),
    "model_failed": (_("The model could not answer for this picture."), _("Try again, or choose another picture.")),
    "model_starting": (_("The model is still starting."), _("Try again in a few seconds.")),
    "model_busy": (
        _("Many people are asking the model right now."),
        _("Try again in a few seconds."),
    ),
    "model_down": (_("The model can't be reached right now."), _("Try again in a minute.")),
    "model_too_slow": (_("The model took too long to answer."), _("Try again.")),
    "empty_video": (_("No video was chosen."), _("Choose a video and try again.")),
    "not_a_video": (
        _("This file is not a video that we can read."),
        _("Choose an MP4, MOV, WebM, Matroska, AVI, MPEG or Ogg."),
    ),
    "still_picture": (_("This is a still picture."), _("Ask about it on the model's page for pictures.")),
    "no_video_stream": (_("This file has sound but no pictures."), _("Choose a video.")),
    "broken_video": (_("This video is damaged."), _("Save it again or choose another one.")),
    "truncated_video": (_("The file ends in the middle of the video."), _("Upload the whole file again.")),
    "wrong_parameter": (_("This can't be done here."), _("Start again from the first page.")),
    "no_video_model": (_("This model does not look at videos."), _("Choose another one from the first page.")),
    "video_too_large": (_("This video's file is too large."), _("Cut it or save it smaller, and try again.")),
    "video_too_long": (_("This video is too long."), _("Cut out the part in question and try again.")),
    "video_too_dear": (_("This video takes too much memory."), _("Save it smaller, such as 1920×1080.")),
    "frame_too_large": (_("The frames of this video are too large."), _("Save it smaller, such as 1920×1080.")),
    "unknown_codec": (
        _("This video is coded in a way that we can't read."),
        _("Convert it to H.264, H.265, VP9 or AV1."),
    ),
    "too_many_videos": (_("Other videos are being looked at right now."), _("Try again in a minute.")),
    "batch_too_large": (_("These are too many bytes at once."), _("Choose fewer pictures.")),
    "too_many_pictures": (_("These are too many pictures at once."), _("Choose fewer of them.")),
    "zip_too_large": (_("This zip would become too large."), _("Unpack it and choose its folder.")),
    "not_a_zip": (_("This file is not a whole zip."), _("Make it again, or choose its folder.")),
    "no_pictures": (_("There is no picture in it."), _("Choose another one.")),
    "encrypted_entry": (_("The picture is encrypted in its zip."), _("Unpack the zip and choose its folder.")),
    "broken_entry": (_("The picture can’t be taken from its zip."), _("Make the zip again.")),
    "too_many_batches": (_("Other pictures are being looked at right now."), _("Try again in a minute.")),
    "no_room": (_("There is no room for this file right now."), _("Try again later, or choose a smaller one.")),
    "offline": (
        _("This page can't reach its server."),
        _("Check your connection and try again."),
    ),
    "internal_error": (_("Something went wrong on our side."), _("Try again in a minute.")),
}

#: Of a picture whose file was cut off.
TRUNCATED = _("The picture's file ends early: its last rows are missing. It was judged without them.")

VERDICTS: dict[str, tuple[LazyString, LazyString]] = {
    "sure": (_("The model is sure"), _("Its confidence is above the threshold set on the validation pictures.")),
    "unsure": (
        _("The model is not sure"),
        _("Its confidence is below the threshold. Take this as a guess and look at the other classes too."),
    ),
}

#: The headline of an unknown answer, whatever the reason.
UNKNOWN = _("Unlike anything that I learned")

#: reason of an unknown answer → what it means for the picture, and what helps where something does
REASONS: dict[str, LazyString] = {
    "unlike": _("Nothing among the pictures that I was trained on comes close to it."),
    "blank": _("It has one colour, or almost: there is nothing on it that I could judge."),
    "tiny": _("It is too small to judge: a side has fewer than 32 pixels. Try a larger copy."),
    "long": _("It is more than eight times as long as it is wide. Try a part of it."),
    "text": _("It looks like a page of text."),
    "finer": _("It shows much more detail than any picture that I was trained on."),
    "coarser": _("It has fewer pixels than any picture that I was trained on. Try a larger copy."),
    "softer": _("It is blurrier than any picture that I was trained on. Try a sharper copy."),
    "compressed": _("It is compressed more strongly than any picture that I was trained on. Try the original file."),
}

#: The same where there is room for a few words only: beside a frame or an object.
SHORT_REASONS: dict[str, LazyString] = {
    "unlike": _("unlike anything learned"),
    "blank": _("one colour, or almost"),
    "tiny": _("too small"),
    "long": _("too long and narrow"),
    "text": _("a page of text"),
    "finer": _("much more detailed than anything learned"),
    "coarser": _("fewer pixels than anything learned"),
    "softer": _("blurrier than anything learned"),
    "compressed": _("compressed more than anything learned"),
}

#: A verdict beside a frame of a video.
SHORT_VERDICTS: dict[str, LazyString] = {"sure": _("sure"), "unsure": _("not sure")}
NO_FRAME_ANSWER = _("no answer for this frame")

#: The same for models that name several labels; `none`: where an answer names none.
LABEL_VERDICTS: dict[str, tuple[LazyString, LazyString]] = {
    "sure": (
        _("The model is sure"),
        _("Every label that it names is above the threshold set on the validation pictures."),
    ),
    "unsure": (
        _("The model is not sure"),
        _("At least one label that it names is below the threshold. Take it as a guess and look at the others, too."),
    ),
    "none": (_("The model is not sure"), _("Every label stays below the probability from which it is named.")),
}

#: What is wrong with the gallery, for whoever runs the server; that none is set is no fault.
GALLERY_FAULTS: dict[str, LazyString] = {
    "missing": _("The gallery has no index yet."),
    "broken": _("The gallery's index can't be read; it has to be made again."),
    "other_model": _("The gallery was indexed with another model and has to be indexed again."),
}

#: The same for the answer of a whole video.
VIDEO_VERDICTS: dict[str, tuple[LazyString, LazyString]] = {
    "sure": (_("The model is sure"), _("Even the lower end of the interval is above the model's threshold.")),
    "unsure": (
        _("The model is not sure"),
        _("The interval reaches below the model's threshold. Look at the timeline before you conclude anything."),
    ),
    "unknown": (UNKNOWN, _("For most of the time the frames are unlike the pictures that I was trained on.")),
}

METRICS: dict[str, LazyString | str] = {
    "accuracy": _("Accuracy"),
    "macro_average_precision": _("Macro-average precision"),
    "macro_f1": _("Macro F1"),
    "map50": "mAP 50",
    "map50_95": "mAP 50–95",
}

SPLITS: dict[str, LazyString] = {"train": _("Training"), "validation": _("Validation"), "test": _("Test")}

#: What was done to test pictures before the model was asked about them again; a number follows.
TREATMENTS: dict[str, LazyString | str] = {
    "none": _("Nothing"),
    "jpeg": _("JPEG, quality"),
    "resize": _("Resized, share of each side"),
    "screenshot": _("Screenshot, share of each side"),
}
