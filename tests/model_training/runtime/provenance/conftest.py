from __future__ import annotations

import pytest

from model_training.runtime.provenance.credentials import CredentialsReader
from tests.signing import Authority, Maker


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="session")
def maker(authority: Authority) -> Maker:
    return authority.certify("Signing desk", "Brush Co")


@pytest.fixture(scope="session")
def reader(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> CredentialsReader:
    """Trusts whom the authority has certified."""
    return CredentialsReader(authority.write_list(tmp_path_factory.mktemp("trust")))
