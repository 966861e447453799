"""A file → what kind of video it is, and its frames in the order in which they are shown.

FFmpeg reads from our open file and nothing else: playlists, which name other files and hosts, are no formats here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import IO, Literal

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from .. import errors

#: FFmpeg's names. Those of sound are here so that a song is told from a broken file.
FORMATS = "mov,matroska,avi,mpegts,mpeg,flv,ogg,asf,gif,mp3,wav,flac,aac"
CONTAINER_SIGNS = (b"\x1a\x45\xdf\xa3", b"OggS", b"FLV\x01", b"\x00\x00\x01\xba", b"\x30\x26\xb2\x75", b"GIF8")
PICTURE_SIGNS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM", b"II*\x00", b"MM\x00*")
PICTURE_BRANDS = (b"avif", b"avis", b"heic", b"heix", b"hevc", b"mif1", b"msf1")
#: Codec → the decoder that sees its alpha.
ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
READ_AHEAD = 2**18
#: Decoding by frames keeps as many of them as there are threads. However few cores there are: a frame waits for what it
#: is built on, and beside a model two threads get less than their share of two cores.
THREADS = 6
#: Bytes that these frames may take: where one is large, what the format itself keeps is most of the memory.
AHEAD = 48 * 2**20
#: A file that ends by more than this share, and by more than a second, before it says so has been cut off.
MISSING_SHARE = 0.02


#: What a decoder may leave out, in FFmpeg's words.
Skip = Literal["DEFAULT", "NONREF", "NONKEY"]


@dataclass(frozen=True)
class Limits:
    """What a video may be. `pixels` counts those of one frame."""

    seconds: float
    pixels: int


@dataclass(frozen=True)
class Survey:
    """What reading through the packets, without decoding one, says of a video.

    `seconds`: from the beginning to the end of the last frame. `key_gap`, `frame_gap`: the longest time without a key
    frame and the mean time between frames, in seconds. `ends_early`: the file stops before the length that it declares.
    """

    seconds: float
    key_gap: float
    frame_gap: float
    codec: str
    ends_early: bool


@dataclass(frozen=True)
class TimedFrame:
    """A decoded frame and when it is shown, in seconds from the beginning of the file."""

    time: float
    frame: av.VideoFrame


def survey(file: IO[bytes], limits: Limits) -> Survey:
    """Look through a file.

    Raises `RequestError`: `not_a_video`, `still_picture`, `broken_video`, `no_video_stream`, `unknown_codec`,
    `frame_too_large`, `video_too_long`.
    """
    with _open(file) as container:
        stream = _choose_stream(container)
        if stream.width * stream.height > limits.pixels:
            raise errors.frame_too_large(stream.width, stream.height, limits.pixels)
        declared = None if container.duration is None else container.duration / av.time_base
        if declared is not None and declared > limits.seconds:
            raise errors.video_too_long(limits.seconds)
        times, keys, end = _read_times(container, stream, limits)
        if not times:
            raise errors.broken_video("it has no frames")
        if container.format.name == "gif" and len(times) == 1:
            raise errors.still_picture()
        times.sort()
        frame_gap = (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else 0.0
        seconds = times[-1] + frame_gap
        return Survey(
            seconds=seconds,
            key_gap=_longest_gap([*sorted(keys), seconds]),
            frame_gap=frame_gap,
            codec=stream.codec_context.name,
            ends_early=declared is not None and declared - end > max(1.0, MISSING_SHARE * declared),
        )


def read_frames(file: IO[bytes], limits: Limits, skip: Skip) -> Iterator[TimedFrame]:
    """Decode a file that was surveyed, frame by frame in order of time.

    `skip`: which frames the decoder may leave out, in FFmpeg's words: `DEFAULT`, `NONREF` (those that no other frame
    is built on) or `NONKEY` (all but key frames). Damaged frames are left out.
    Raises `RequestError` (`frame_too_large`) where the size grows midway, or the reasons that `survey` has;
    `MemoryError` where this process may not have more.
    """
    file.seek(0)
    with _open(file) as container:
        stream = _choose_stream(container)
        context = _make_decoder(stream)
        context.skip_frame = skip
        context.thread_type = "AUTO"
        context.thread_count = count_threads(context)
        context.options = {"max_pixels": str(limits.pixels)}
        beginning = _beginning(container)
        for packet in _packets(container, stream):
            try:
                frames = context.decode(packet)
            except MemoryError:
                raise
            except av.FFmpegError:
                bytearray(_measure_frame(context))  # a decoder does not always say that it was for want of memory
                continue
            for frame in frames:
                if frame.width * frame.height > limits.pixels:
                    raise errors.frame_too_large(frame.width, frame.height, limits.pixels)
                if frame.time is not None:
                    yield TimedFrame(max(0.0, frame.time - beginning), frame)


def count_threads(context: VideoCodecContext) -> int:
    """By how many threads frames are decoded: each keeps one."""
    return max(1, min(THREADS, AHEAD // max(1, _measure_frame(context))))


def _longest_gap(times: list[float]) -> float:
    return max((after - before for before, after in pairwise(times)), default=times[-1])


def _open(file: IO[bytes]) -> InputContainer:
    head = file.read(16)
    file.seek(0)
    brand = head[8:12]
    if (
        head.startswith(PICTURE_SIGNS)
        or head[8:12] == b"WEBP"
        or (head[4:8] == b"ftyp" and head[8:12] in PICTURE_BRANDS)
    ):
        raise errors.still_picture()
    try:
        options = {"format_whitelist": FORMATS, "protocol_whitelist": "file"}
        container = av.open(file, container_options=options, buffer_size=READ_AHEAD)
    except (av.FFmpegError, ValueError):
        known = head.startswith(CONTAINER_SIGNS) or head[4:8] in (b"ftyp", b"moov", b"mdat") or brand == b"AVI "
        raise (errors.broken_video("it can't be opened") if known else errors.not_a_video()) from None
    assert isinstance(container, InputContainer)
    return container


def _choose_stream(container: InputContainer) -> VideoStream:
    """The film itself: a song's cover is a video stream too."""
    streams = [one for one in container.streams.video if not one.disposition & Disposition.attached_pic]
    if not streams:
        raise errors.no_video_stream()
    stream = max(streams, key=lambda one: one.width * one.height if one.codec_context else -1)
    if stream.codec_context is None:
        raise errors.unknown_codec(_name_codec(stream))
    return stream


def _make_decoder(stream: VideoStream) -> VideoCodecContext:
    """The stream's own, or of a WebM with transparency libvpx's: FFmpeg's leaves the alpha out, and what lies under it
    would be seen."""
    own = stream.codec_context
    if stream.metadata.get("alpha_mode") != "1" or own.name not in ALPHA_DECODERS:
        return own
    context = av.CodecContext.create(ALPHA_DECODERS[own.name], "r")
    assert isinstance(context, VideoCodecContext)
    context.extradata = own.extradata
    return context


def _measure_frame(context: VideoCodecContext) -> int:
    """Bytes of a decoded frame; 3 a pixel where its format is not known yet."""
    bits = context.format.padded_bits_per_pixel if context.format else 24
    return bits * context.width * context.height // 8


def _name_codec(stream: VideoStream) -> str:
    return str(stream.metadata.get("ENCODER") or "an unknown codec")


def _beginning(container: InputContainer) -> float:
    """Where the file's clock starts, in seconds: what a player calls 0."""
    return (container.start_time or 0) / av.time_base


def _packets(container: InputContainer, *streams: VideoStream) -> Iterator[av.Packet]:
    """The packets of some streams, or of all; at the end an empty one, which makes a decoder give what it still holds.
    A file that breaks off ends there."""
    packets = container.demux(*streams)
    while True:
        try:
            yield next(packets)
        except StopIteration:
            return
        except av.FFmpegError:
            yield av.Packet()
            return


def _read_times(
    container: InputContainer, stream: VideoStream, limits: Limits
) -> tuple[list[float], list[float], float]:
    """When each frame is shown, and each key frame, and the last packet of any stream, in seconds."""
    beginning = _beginning(container)
    times, keys, end = [], [], 0.0
    for packet in _packets(container):
        stamp = packet.pts if packet.pts is not None else packet.dts
        if not packet.size or stamp is None or packet.time_base is None:
            continue
        time = max(0.0, float(stamp * packet.time_base) - beginning)
        end = max(end, time)
        # An edit list leaves out frames that others are built on.
        if packet.stream_index != stream.index or packet.is_discard:
            continue
        if time > limits.seconds:
            raise errors.video_too_long(limits.seconds)
        times.append(time)
        if packet.is_keyframe:
            keys.append(time)
    return times, keys, end
