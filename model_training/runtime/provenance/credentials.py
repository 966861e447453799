"""Content credentials (C2PA 2.2): who signed what about a picture, and whether it holds.

The signature and the hashes are checked by c2pa-python. It must not open a connection: a manifest that is kept on a
server is not fetched, and nobody is asked whether a certificate was withdrawn.

Who is trusted is the operator's choice: the folder that `HWAPUNG_TRUST` names holds `C2PA-TRUST-LIST.pem`, the
authorities whose signatures count, and `C2PA-TSA-TRUST-LIST.pem`, those whose time stamps prove that a certificate was
valid when it signed; the names are those that the C2PA publishes them by. Without it everybody is a stranger.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import BundleError, ServingError
from .source_types import read_source_type
from .statement import SAYS, Level, Problem, Says, Signer, Statement, tidy

if TYPE_CHECKING:
    from c2pa import Context

TRUST = "HWAPUNG_TRUST"
SIGNERS, STAMPS = "C2PA-TRUST-LIST.pem", "C2PA-TSA-TRUST-LIST.pem"
#: Each manifest has a box of this kind; checking a history of thousands would take minutes.
_CLAIM, _MOST_MANIFESTS = b"jumdc2cl", 100
_UNTRUSTED = "signingCredential.untrusted"
_PROBLEMS: tuple[tuple[str, Problem], ...] = (
    ("Hash.mismatch", "other_picture"),
    ("signingCredential.expired", "expired"),
    ("claimSignature.outsideValidity", "expired"),
    ("signingCredential.revoked", "revoked"),
    ("signingCredential.ocsp.revoked", "revoked"),
)

Manifest = Mapping[str, Any]


class CredentialsReader:
    """Reads content credentials. Threads may share one."""

    def __init__(self, trust: Path | None) -> None:
        """`trust`: the folder of trust lists. Raises `ServingError` where it has none, `BundleError` where c2pa-python
        is missing."""
        try:
            import c2pa
        except ImportError as error:
            raise BundleError(
                f"The model reads content credentials, for which c2pa-python is missing ({error}).",
                "Install it: pip install c2pa-python.",
            ) from None
        self._c2pa, self._trust = c2pa, trust
        signers, stamps = _read_lists(trust) if trust else (None, None)
        self._context = self._configure(signers, stamps)
        # The library lets whoever may stamp the time sign, too (0.91). This one tells who is on the signers' list.
        self._strict = self._configure(signers, None) if stamps else None

    def __reduce__(self) -> tuple[type[CredentialsReader], tuple[Path | None]]:
        return CredentialsReader, (self._trust,)  # another process reads the lists itself

    def _configure(self, signers: str | None, stamps: str | None) -> Context:
        lists = (("tsa", STAMPS, stamps), ("manifest", SIGNERS, signers))  # the last is looked at first
        anchors = [
            {"trust_kind": kind, "trust_uri": name, "trust_anchors": content}
            for kind, name, content in lists
            if content
        ]
        context: Context = self._c2pa.Context.from_dict(
            {
                "trust": {"anchors": anchors},
                "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
                "core": {
                    "allowed_network_hosts": [],
                    "decode_identity_assertions": False,
                    "max_decompressed_manifest_size_in_mb": 4,
                },
            }
        )
        return context

    @classmethod
    def from_environment(cls) -> CredentialsReader:
        """With the trust lists of the folder that `HWAPUNG_TRUST` names. Raises as `CredentialsReader` does."""
        folder = os.environ.get(TRUST)
        return cls(Path(folder) if folder else None)

    def read(self, data: bytes | bytearray) -> list[Statement]:
        """What the file's credentials state of it and of the pictures that it was made from; nothing where it has none.
        Credentials that do not hold are stated, too."""
        if b"jumb" not in data or b"c2pa" not in data:  # the box that all credentials lie in, and its label
            return []
        if data.count(_CLAIM) > _MOST_MANIFESTS:
            return [Statement("credentials", "nothing", "invalid", problem="too_long")]
        try:
            store = self._check(data, self._context)
            strict = self._check(data, self._strict) if self._strict else store
            return store.state_all(strict) if store and strict else []
        except (self._c2pa.C2paError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return [Statement("credentials", "nothing", "invalid", problem="unreadable")]

    def _check(self, data: bytes | bytearray, context: Context) -> _Store | None:
        reader = self._c2pa.Reader.try_create(io.BytesIO(data), context=context)
        if reader is None:
            return None
        with reader:
            return _Store(json.loads(reader.json()), json.loads(reader.crjson()))


def _read_lists(folder: Path) -> tuple[str, str | None]:
    """The signers' list, and that of time stamps where there is one."""
    stamps = _read_list(folder / STAMPS) if (folder / STAMPS).exists() else None
    return _read_list(folder / SIGNERS), stamps


def _read_list(path: Path) -> str:
    remedy = f"Put C2PA's {path.name} there, or unset {TRUST}."
    try:
        content = path.read_text("utf-8")
    except (OSError, ValueError) as error:
        raise ServingError(f"{TRUST}: {path} can't be read ({error}).", remedy) from None
    if "-----BEGIN CERTIFICATE-----" not in content:
        raise ServingError(f"{TRUST}: {path} holds no certificate.", remedy)
    return content


class _Store:
    """The manifests of a file, as c2pa-python reports them; `certificates`: label → who signed it."""

    def __init__(self, report: Manifest, certificates: Manifest) -> None:
        self.manifests: Manifest = report["manifests"]
        self.active: str = report["active_manifest"]
        self.state: str = report.get("validation_state", "Invalid")
        self.results: Manifest = report.get("validation_results", {})
        self.certificates = {
            each["label"]: each.get("signature", {}).get("certificateInfo", {}) for each in certificates["manifests"]
        }

    def state_all(self, strict: _Store) -> list[Statement]:
        """One statement of who signed the picture as it is, then one of each picture that it was made from. `strict`:
        the same file, checked by the signers' list alone."""
        results = self.results.get("activeManifest", {})
        problem: Problem | None = None
        trusted = self.state == "Trusted" and any(  # on which list is only said in words
            each["code"] == "signingCredential.trusted" and f"[{SIGNERS}]" in each.get("explanation", "")
            for each in results.get("success", [])
        )
        level: Level = "signed" if trusted else "signed_by_unknown"
        if self.state not in ("Trusted", "Valid"):
            level, problem = "invalid", _find_problem({each["code"] for each in results.get("failure", [])})
        found = [self._state(self.active, level, problem)]
        if problem is None:
            self._add_origins(self.active, level, found, {self.active}, strict)
        return found

    def _state(self, label: str, level: Level, problem: Problem | None, *, part: bool = False) -> Statement:
        manifest = self.manifests[label]
        says = _read_actions(manifest) if problem is None else "nothing"
        if part:
            says = "ai_edited" if says in ("ai", "ai_edited") else "nothing"
        stamped = label == self.active and "timeStamp.trusted" in {
            each["code"] for each in self.results.get("activeManifest", {}).get("success", [])
        }
        time = manifest.get("signature_info", {}).get("time") if stamped else None
        signer = _read_signer(self.certificates.get(label, {}), time)
        return Statement("credentials", says, level, _name_maker(manifest), signer, problem)

    def _add_origins(self, label: str, level: Level, found: list[Statement], seen: set[str], strict: _Store) -> None:
        """A picture that was opened and edited is still what it was; one that has a part by AI was edited by AI. What
        an origin says is worth no more than the signature of whoever used it."""
        for ingredient in self.manifests[label].get("ingredients", []):
            origin = ingredient.get("active_manifest")
            if origin in seen or origin not in self.manifests:
                continue
            seen.add(origin)
            failures = self._find_failures(ingredient, origin)
            failures |= {_UNTRUSTED} & strict._find_failures(ingredient, origin)
            part = ingredient.get("relationship") != "parentOf"
            if failures - {_UNTRUSTED}:
                found.append(self._state(origin, "invalid", _find_problem(failures), part=part))
                continue
            theirs: Level = "signed_by_unknown" if failures else level
            statement = self._state(origin, theirs, None, part=part)
            if statement.says not in ("nothing", "software"):
                found.append(statement)
            self._add_origins(origin, theirs, found, seen, strict)

    def _find_failures(self, ingredient: Manifest, origin: str) -> set[str]:
        """What is wrong with an ingredient's credentials: as whoever used it found them, changed by what we find."""
        recorded = ingredient.get("validation_results", {}).get("activeManifest", {})
        deltas = [each.get("validationDeltas", {}) for each in self.results.get("ingredientDeltas", [])]
        failures = _codes(recorded, "failure", origin)
        if any("signingCredential.trusted" in _codes(each, "success", origin) for each in deltas):
            failures.discard(_UNTRUSTED)
        return failures.union(*(_codes(each, "failure", origin) for each in deltas))


def _codes(results: Manifest, kind: str, origin: str) -> set[str]:
    return {each["code"] for each in results.get(kind, []) if origin in each.get("url", "")}


def _find_problem(failures: set[str]) -> Problem:
    return next((problem for code, problem in _PROBLEMS for each in failures if each.endswith(code)), "broken")


def _read_signer(certificate: Manifest, time: str | None) -> Signer | None:
    subject, issuer = certificate.get("subject"), certificate.get("issuer", {})
    if not subject:
        return None
    organisation, name, by = subject.get("O", ""), subject.get("CN", ""), issuer.get("O") or issuer.get("CN", "")
    return Signer(tidy(organisation), tidy(name), tidy(by), subject == issuer, time)


def _read_actions(manifest: Manifest) -> Says:
    """What the actions make of a picture; the one that tells most counts."""
    found: set[Says] = set()
    for action in _actions(manifest):
        says = read_source_type(action.get("digitalSourceType", ""))
        if action.get("action") == "c2pa.created":
            found.add(says)
        elif says in ("ai", "ai_edited"):
            found.add("ai_edited")
    return min(found - {"nothing"}, key=SAYS.index, default="software" if _actions(manifest) else "nothing")


def _actions(manifest: Manifest) -> list[Manifest]:
    assertions = [each for each in manifest.get("assertions", []) if each["label"].startswith("c2pa.actions")]
    return [action for each in assertions for action in each["data"].get("actions", [])]


def _name_maker(manifest: Manifest) -> str | None:
    """The program that made the picture: who did the first action, else who wrote the manifest."""
    agents = [each["softwareAgent"] for each in _actions(manifest) if each.get("softwareAgent")]
    for each in (*agents[:1], *manifest.get("claim_generator_info", [])[:1], manifest.get("claim_generator", "")):
        if name := tidy(f"{each.get('name', '')} {each.get('version', '')}" if isinstance(each, dict) else each):
            return name
    return None
