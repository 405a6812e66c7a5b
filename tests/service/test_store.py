"""What is stored: how long, and what goes with it."""

import time

import pytest

from gagavatar_nodes.batch.ledger import Ledger
from gagavatar_nodes.service.config import Config
from gagavatar_nodes.service.keys import Client
from gagavatar_nodes.service.schemas import RenderRequest
from gagavatar_nodes.service.store import MissingError, Store

ANN = Client("ann")


@pytest.fixture
def store(tmp_path):
    config = Config(tmp_path, lifetime=0.2)
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        yield Store(config, ledger)


def _finished_avatar(store):
    one, file = store.new_upload()
    file.write_bytes(b"portrait")
    task = store.add_avatar(one, ANN, None, None)
    assert store.ledger.claim().id == one
    (file.parent.parent / "avatars" / f"{one}.safetensors").write_bytes(b"avatar")
    store.ledger.finish(one, {"seconds": 1.0})
    store.settle(store.ledger.get(one))
    return task, file


def test_an_avatar_and_its_portrait_go_when_their_time_is_up(store, tmp_path):
    task, portrait = _finished_avatar(store)
    assert portrait.exists()  # clips may be stitched into it
    assert store.sweep() == 0
    time.sleep(0.25)
    assert store.sweep() == 1
    assert not portrait.exists()
    assert not list((tmp_path / "avatars").iterdir())
    with pytest.raises(MissingError):
        store.get(task.id, "lift", ANN)


def test_a_portrait_of_which_no_avatar_came_goes_at_once(store):
    one, file = store.new_upload()
    file.write_bytes(b"no portrait")
    store.add_avatar(one, ANN, None, None)
    assert store.ledger.claim().id == one
    store.ledger.fail(one, "there is no face")
    store.settle(store.ledger.get(one))
    assert not file.exists()


def test_what_an_open_clip_needs_stays(store):
    task, _ = _finished_avatar(store)
    store.add_render(ANN, RenderRequest(avatar=task.id, motion="nod"))
    time.sleep(0.25)
    assert store.sweep() == 0
    assert store.get(task.id, "lift", ANN).state == "done"


def test_examples_of_the_schema_are_valid():
    for example in RenderRequest.model_config["json_schema_extra"]["examples"]:
        assert RenderRequest(**example).avatar == example["avatar"]
