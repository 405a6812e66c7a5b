"""A visitor's session in a folder of the test's own."""

import pytest

from gagavatar_nodes.app.sessions import Sessions


@pytest.fixture
def session(tmp_path):
    sessions = Sessions(tmp_path / "app")
    yield sessions.of("visitor")
    sessions.close_all()


@pytest.fixture
def program(session):
    return session.program(lambda done, total, picture: None)
