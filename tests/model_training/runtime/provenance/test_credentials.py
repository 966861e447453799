"""Content credentials, made and signed here: trusted, of strangers, expired, altered, moved and broken ones."""

from __future__ import annotations

import random
import shutil
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from model_training.runtime.errors import BundleError, ServingError
from model_training.runtime.provenance.credentials import SIGNERS, STAMPS, TRUST, CredentialsReader
from model_training.runtime.provenance.statement import Signer, Statement, conclude
from tests.signing import Authority, Maker, certify_oneself, created, edited, picture

DESK = Signer("Brush Co", "Signing desk", "Hwapung's tests", self_signed=False)


def segments(jpeg: bytes, marker: int) -> bytes:
    """All segments of a kind, whole."""
    place, found = 2, b""
    while jpeg[place + 1] != 0xDA:
        length = 2 + int.from_bytes(jpeg[place + 2 : place + 4], "big")
        if jpeg[place + 1] == marker:
            found += jpeg[place : place + length]
        place += length
    return found


def test_a_picture_without_credentials_states_nothing(reader: CredentialsReader) -> None:
    assert reader.read(picture()) == []
    assert reader.read(b"") == []
    assert reader.read(b"jumb c2pa, said by no picture") == [
        Statement("credentials", "nothing", "invalid", problem="unreadable")
    ]


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "avif", "tiff", "gif"])
def test_a_trusted_signature_in_every_format(kind: str, reader: CredentialsReader, maker: Maker) -> None:
    signed = maker.sign(picture(kind.upper()), created(), kind=kind)
    assert reader.read(bytearray(signed)) == [Statement("credentials", "ai", "signed", "Brush AI", DESK)]


def test_who_is_on_no_list_is_a_stranger(reader: CredentialsReader, maker: Maker) -> None:
    me = certify_oneself("Me", "Myself")
    (statement,) = reader.read(me.sign(picture(), created("digitalCapture", by="Camera 1")))
    assert (statement.level, statement.says, statement.problem) == ("signed_by_unknown", "camera", None)
    assert statement.signer == Signer("Myself", "Me", "Myself", self_signed=True)
    (statement,) = CredentialsReader(None).read(maker.sign(picture(), created()))
    assert (statement.level, statement.signer) == ("signed_by_unknown", DESK)


def test_pixels_that_were_changed_after_signing(reader: CredentialsReader, maker: Maker) -> None:
    altered = bytearray(maker.sign(picture(), created()))
    altered[-30] ^= 0xFF
    assert reader.read(altered) == [
        Statement("credentials", "nothing", "invalid", "Brush AI", DESK, problem="other_picture")
    ]


def test_credentials_of_another_picture(reader: CredentialsReader, maker: Maker) -> None:
    signed, other = maker.sign(picture(seed=1), created()), picture(seed=2)
    moved = other[:2] + segments(signed, 0xEB) + other[2:]
    assert [(each.level, each.problem) for each in reader.read(moved)] == [("invalid", "other_picture")]


def test_a_certificate_whose_time_is_over(authority: Authority, reader: CredentialsReader, tmp_path: Path) -> None:
    """Only a time stamp of someone on the list proves that it was valid when it signed."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl, which stamps the time")
    clock = Authority()
    (tmp_path / "clock").mkdir()
    valid = timedelta(seconds=5)  # while it is, a busy machine must have signed twice
    brief = authority.certify("Signing desk", "Brush Co", valid=valid)
    over = time.monotonic() + valid.total_seconds()
    plain = brief.sign(picture(), created())
    with clock.stamp_times(tmp_path / "clock") as address:
        stamped = replace(brief, stamp=address).sign(picture(), created())
    time.sleep(max(0.0, over + 1.1 - time.monotonic()))
    lists = clock.write_list(authority.write_list(tmp_path), STAMPS)
    with_stamps = CredentialsReader(lists)
    for each, data in ((reader, plain), (reader, stamped), (with_stamps, plain)):
        (statement,) = each.read(data)
        assert (statement.says, statement.level, statement.problem) == ("nothing", "invalid", "expired")
    (statement,) = with_stamps.read(stamped)
    assert (statement.says, statement.level) == ("ai", "signed")
    assert statement.signer is not None
    assert statement.signer.time is not None
    signed_at = datetime.fromisoformat(statement.signer.time)
    assert timedelta(seconds=2) < datetime.now(UTC) - signed_at < timedelta(minutes=5)


def test_who_may_stamp_the_time_may_not_sign(authority: Authority, maker: Maker, tmp_path: Path) -> None:
    clock = Authority()
    reader = CredentialsReader(clock.write_list(authority.write_list(tmp_path), STAMPS))
    forger = clock.certify("Anyone", "Time Co")
    forged = forger.sign(picture(), created("digitalCapture"))
    assert [(each.says, each.level) for each in reader.read(forged)] == [("camera", "signed_by_unknown")]
    washed = maker.sign(forged, *edited(), origin=forged)
    assert [(each.says, each.level) for each in reader.read(washed)] == [
        ("software", "signed"),
        ("camera", "signed_by_unknown"),
    ]
    taken = maker.sign(picture(), created("digitalCapture"))
    assert [each.level for each in reader.read(maker.sign(taken, *edited(), origin=taken))] == ["signed", "signed"]


def test_an_altered_claim_is_broken(reader: CredentialsReader, maker: Maker) -> None:
    signed = maker.sign(picture(), created())
    forged = signed.replace(b"trainedAlgorithmicMedia", b"digitalCapture/////////")
    assert len(forged) == len(signed)
    assert forged != signed
    assert [(each.says, each.level, each.problem) for each in reader.read(forged)] == [("nothing", "invalid", "broken")]


def test_credentials_that_end_early(reader: CredentialsReader, maker: Maker) -> None:
    segment = segments(maker.sign(picture(), created()), 0xEB)
    plain = picture()
    cut = segment[:2] + (900).to_bytes(2, "big") + segment[4:902]
    assert [(each.level, each.problem) for each in reader.read(plain[:2] + cut + plain[2:])] == [
        ("invalid", "unreadable")
    ]


@pytest.mark.parametrize(
    ("source_type", "says"),
    [
        ("compositeWithTrainedAlgorithmicMedia", "ai_edited"),
        ("computationalCapture", "camera"),
        ("algorithmicMedia", "software"),
        ("somethingNew", "software"),
    ],
)
def test_what_the_first_action_says(source_type: str, says: str, reader: CredentialsReader, maker: Maker) -> None:
    assert [each.says for each in reader.read(maker.sign(picture(), created(source_type)))] == [says]


def test_an_edited_picture_is_still_what_it_was(reader: CredentialsReader, maker: Maker) -> None:
    generated = maker.sign(picture(), created())
    statements = reader.read(maker.sign(generated, *edited(), origin=generated, by="Editor"))
    assert [(each.says, each.level, each.name) for each in statements] == [
        ("software", "signed", "Editor 1.0"),
        ("ai", "signed", "Brush AI"),
    ]
    assert (conclude(statements).says, conclude(statements).level) == ("ai", "signed")


def test_a_photograph_that_ai_has_changed(reader: CredentialsReader, maker: Maker) -> None:
    taken = maker.sign(picture(), created("digitalCapture", by="Camera 1"))
    filled = maker.sign(taken, *edited("compositeWithTrainedAlgorithmicMedia"), origin=taken)
    assert [each.says for each in reader.read(filled)] == ["ai_edited", "camera"]
    assert conclude(reader.read(filled)).says == "ai_edited"


def test_a_part_by_ai_makes_a_picture_edited_by_ai(reader: CredentialsReader, maker: Maker) -> None:
    generated = maker.sign(picture(seed=1), created())
    placed = {"action": "c2pa.placed", "parameters": {"ingredientIds": ["origin"]}}
    made = maker.sign(picture(), created("composite"), placed, origin=generated, part=True)
    assert [each.says for each in reader.read(made)] == ["software", "ai_edited"]


def test_an_origin_is_trusted_no_further_than_who_used_it(reader: CredentialsReader, maker: Maker) -> None:
    me = certify_oneself("Me", "Myself")
    mine, theirs = (each.sign(picture(), created("digitalCapture")) for each in (me, maker))
    by_a_desk = reader.read(maker.sign(mine, *edited(), origin=mine))
    assert [(each.says, each.level) for each in by_a_desk] == [("software", "signed"), ("camera", "signed_by_unknown")]
    by_me = reader.read(me.sign(theirs, *edited(), origin=theirs))
    assert {each.level for each in by_me} == {"signed_by_unknown"}


def test_an_origin_that_had_been_altered_is_stated_and_vouches_for_nothing(
    reader: CredentialsReader, maker: Maker
) -> None:
    altered = bytearray(maker.sign(picture(), created("digitalCapture")))
    altered[-30] ^= 0xFF
    statements = reader.read(maker.sign(bytes(altered), *edited(), origin=bytes(altered)))
    assert [(each.says, each.level, each.problem) for each in statements] == [
        ("software", "signed", None),
        ("nothing", "invalid", "other_picture"),
    ]


def test_a_long_history_takes_no_long_time(reader: CredentialsReader, maker: Maker) -> None:
    latest = maker.sign(picture(), created())
    for _ in range(12):
        latest = maker.sign(latest, *edited(), origin=latest)
    assert [each.says for each in reader.read(latest)] == ["software", "ai"]
    assert latest.count(b"jumdc2cl") == 13  # how we tell that one is too long to be checked
    box = latest[latest.index(b"jumdc2cl") :][:24]
    assert [each.problem for each in reader.read(latest + box * 100)] == ["too_long"]


def test_damage_anywhere_is_stated_and_never_trusted(reader: CredentialsReader, maker: Maker) -> None:
    """Bytes of the credentials are overwritten. What still counts as signed says what was signed."""
    signed = maker.sign(picture(), created())
    start = signed.index(b"jumb")
    end = start + len(segments(signed, 0xEB))
    chance = random.Random(0)
    levels = set()
    for _ in range(400):
        damaged = bytearray(signed)
        for _ in range(chance.choice((1, 3, 30))):
            damaged[chance.randrange(start, end)] = chance.randrange(256)
        for each in reader.read(damaged):
            levels.add(each.level)
            assert each.level == "invalid" or each == Statement("credentials", "ai", "signed", "Brush AI", DESK)
    assert "invalid" in levels


def test_threads_may_share_a_reader(reader: CredentialsReader, maker: Maker) -> None:
    files = [maker.sign(picture(), created()), picture(), maker.sign(picture(), created("digitalCapture"))] * 30
    with ThreadPoolExecutor(8) as threads:
        said = [[each.says for each in statements] for statements in threads.map(reader.read, files)]
    assert said == [["ai"], [], ["camera"]] * 30


def test_nothing_is_asked_of_the_network(
    reader: CredentialsReader, maker: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    import c2pa

    from tests import signing

    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)

        class Elsewhere(c2pa.Builder):
            def sign(self, *arguments: object) -> bytes:
                self.set_no_embed()
                self.set_remote_url(f"http://127.0.0.1:{server.getsockname()[1]}/credentials.c2pa")
                return super().sign(*arguments)

        monkeypatch.setattr(signing.c2pa, "Builder", Elsewhere)
        referring = maker.sign(picture(), created())
        assert b"credentials.c2pa" in referring
        # Also where the library itself is made to look: the marks that we look for first are added to the end.
        assert reader.read(referring + b"jumb c2pa") == [
            Statement("credentials", "nothing", "invalid", problem="unreadable")
        ]
        with pytest.raises(TimeoutError):
            server.accept()


def test_the_folder_of_trust_lists(tmp_path: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    maker = authority.certify("Signing desk", "Brush Co")
    signed = maker.sign(picture(), created())
    monkeypatch.delenv(TRUST, raising=False)
    assert [each.level for each in CredentialsReader.from_environment().read(signed)] == ["signed_by_unknown"]
    monkeypatch.setenv(TRUST, str(tmp_path))
    with pytest.raises(ServingError, match=r"C2PA-TRUST-LIST\.pem can't be read"):
        CredentialsReader.from_environment()
    (tmp_path / SIGNERS).write_text("nobody\n")
    with pytest.raises(ServingError, match="holds no certificate"):
        CredentialsReader.from_environment()
    authority.write_list(tmp_path)
    assert [each.level for each in CredentialsReader.from_environment().read(signed)] == ["signed"]


def test_the_library_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "c2pa", None)
    with pytest.raises(BundleError, match="pip install c2pa-python"):
        CredentialsReader(None)
