"""Certificates by C2PA's profile, and pictures with content credentials that they sign."""

from __future__ import annotations

import io
import json
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import c2pa
import numpy as np
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from PIL import Image

from model_training.runtime.provenance.credentials import SIGNERS

SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
Action = Mapping[str, Any]


def picture(kind: str = "JPEG", seed: int = 0, **options: Any) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


def created(source_type: str = "trainedAlgorithmicMedia", by: str = "Brush AI") -> Action:
    return {
        "action": "c2pa.created",
        "digitalSourceType": SOURCE_TYPES + source_type,
        "softwareAgent": {"name": by},
    }


def edited(source_type: str | None = None) -> Sequence[Action]:
    """To sign with a parent: it was opened, and something was done to it."""
    kind = {"digitalSourceType": SOURCE_TYPES + source_type} if source_type else {}
    return [{"action": "c2pa.opened", "parameters": {"ingredientIds": ["origin"]}}, {"action": "c2pa.edited", **kind}]


@dataclass(frozen=True)
class Maker:
    """Someone with a certificate. `chain`: in PEM, the own certificate first; `stamp`: address of a time stamper."""

    chain: bytes
    key: bytes
    stamp: str | None = None

    def sign(
        self,
        data: bytes,
        *actions: Action,
        kind: str = "jpeg",
        origin: bytes | None = None,
        part: bool = False,
        by: str = "Brush AI",
    ) -> bytes:
        """`data` with credentials; `origin`: the picture that it was made from, or that is a part of it."""
        manifest = {
            "claim_generator_info": [{"name": by, "version": "1.0"}],
            "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": list(actions)}}] if actions else [],
        }
        settings = {"verify": {"verify_after_sign": False}, "builder": {"thumbnail": {"enabled": False}}}
        builder = c2pa.Builder(manifest, context=c2pa.Context.from_dict(settings))
        if origin is not None:
            relationship = "componentOf" if part else "parentOf"
            ingredient = {"title": "origin.jpg", "relationship": relationship, "instance_id": "origin"}
            builder.add_ingredient(json.dumps(ingredient), "image/jpeg", io.BytesIO(origin))
        signed = io.BytesIO()
        stamp = self.stamp.encode() if self.stamp else None
        info = c2pa.C2paSignerInfo(alg=b"es256", sign_cert=self.chain, private_key=self.key, ta_url=stamp)
        builder.sign(c2pa.Signer.from_info(info), f"image/{kind}", io.BytesIO(data), signed)
        return signed.getvalue()


class Authority:
    """A certificate authority of our own; `write_list` puts it on a trust list."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("Tests' root", "Hwapung's tests")
        self._certificate = _certify(self._name, self._key, self._name, self._key, timedelta(days=365), authority=True)

    def write_list(self, folder: Path, name: str = SIGNERS) -> Path:
        (folder / name).write_bytes(self._certificate.public_bytes(Encoding.PEM))
        return folder

    def certify(self, name: str, organisation: str, valid: timedelta = timedelta(days=30)) -> Maker:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _certify(_name(name, organisation), key, self._name, self._key, valid)
        return _maker(key, certificate, self._certificate)

    @contextmanager
    def stamp_times(self, folder: Path) -> Iterator[str]:
        """A time stamp authority (RFC 3161) at the address that it yields, by the command openssl."""
        key = ec.generate_private_key(ec.SECP256R1())
        purpose = ExtendedKeyUsageOID.TIME_STAMPING
        own = _name("Clock", "Time Co")
        certificate = _certify(own, key, self._name, self._key, timedelta(days=30), purpose=purpose)
        stamper = _maker(key, certificate)
        (folder / "chain.pem").write_bytes(stamper.chain)
        (folder / "key.pem").write_bytes(stamper.key)
        (folder / "serial").write_text("01\n")
        (folder / "openssl.cnf").write_text(
            "[stamps]\nserial = serial\nsigner_cert = chain.pem\nsigner_key = key.pem\nsigner_digest = sha256\n"
            "default_policy = 1.2.3.4\ndigests = sha256, sha384, sha512\ness_cert_id_alg = sha256\n"
        )

        class Stamp(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                (folder / "query").write_bytes(self.rfile.read(int(self.headers["Content-Length"])))
                command = "openssl ts -reply -config openssl.cnf -section stamps -queryfile query -out reply"
                subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
                reply = (folder / "reply").read_bytes()
                self.send_response(200)
                self.send_header("Content-Type", "application/timestamp-reply")
                self.send_header("Content-Length", str(len(reply)))
                self.end_headers()
                self.wfile.write(reply)

            def log_message(self, *arguments: object) -> None:
                pass

        with HTTPServer(("127.0.0.1", 0), Stamp) as server:
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
            yield f"http://127.0.0.1:{server.server_port}/"
            server.shutdown()


def certify_oneself(name: str, organisation: str) -> Maker:
    key, own = ec.generate_private_key(ec.SECP256R1()), _name(name, organisation)
    return _maker(key, _certify(own, key, own, key, timedelta(days=30)))


def _maker(key: ec.EllipticCurvePrivateKey, *chain: x509.Certificate) -> Maker:
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Maker(b"".join(each.public_bytes(Encoding.PEM) for each in chain), secret)


def _name(name: str, organisation: str) -> x509.Name:
    parts = ((NameOID.COMMON_NAME, name), (NameOID.ORGANIZATION_NAME, organisation), (NameOID.COUNTRY_NAME, "KR"))
    return x509.Name([x509.NameAttribute(*each) for each in parts])


def _certify(
    subject: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
    valid: timedelta,
    *,
    authority: bool = False,
    purpose: x509.ObjectIdentifier = ExtendedKeyUsageOID.EMAIL_PROTECTION,
) -> x509.Certificate:
    """What C2PA 2.2, section 14.5.1, demands of a certificate."""
    now = datetime.now(UTC)
    usage = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only",
         "decipher_only"), False
    )  # fmt: skip
    usage |= {"digital_signature": not authority, "key_cert_sign": authority, "crl_sign": authority}
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + valid)
        .add_extension(x509.BasicConstraints(authority, None), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    if not authority:
        builder = builder.add_extension(
            x509.ExtendedKeyUsage([purpose]), critical=purpose == ExtendedKeyUsageOID.TIME_STAMPING
        )
    return builder.sign(issuer_key, SHA256())
