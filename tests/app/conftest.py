"""A visitor's session in a folder of the test's own."""

import tempfile

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


@pytest.fixture
def serving(tmp_path, monkeypatch):
    """Function (**options of `Serving`) -> address; what is written goes to a folder of the test."""
    from gagavatar_nodes.app.page import Serving, serve

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    pages = []

    def start(**options):
        page, address = serve(Serving(**options), block=False)
        pages.append(page)
        return address

    yield start
    for page in pages:
        page.close()
