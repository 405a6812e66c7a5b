import os
import pickle
import sys
import types

import numpy as np
import pytest
from scipy import sparse

from gagavatar_nodes.errors import FileFormatError, MediaError
from gagavatar_nodes.heads import restricted_pickle

PROTOCOLS = [2, 4, 5]


@pytest.fixture
def chumpy(monkeypatch):
    """A package of the name `chumpy` whose classes refuse to be built by anybody but this test."""
    package, module = types.ModuleType("chumpy"), types.ModuleType("chumpy.ch")
    module.Ch = type("Ch", (), {"__module__": "chumpy.ch"})
    monkeypatch.setitem(sys.modules, "chumpy", package)
    monkeypatch.setitem(sys.modules, "chumpy.ch", module)
    return module


class Command:
    """A pickle of this runs a shell command when Python loads it."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch {self.marker}",)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("dtype", ["<f8", ">f4", "f2", "i8", "u4", "?"])
def test_arrays_of_every_number_type_come_back_equal(protocol, dtype):
    array = (np.random.default_rng(0).random((3, 4, 2)) * 9).astype(dtype)
    for stored in (array, np.asfortranarray(array), array[:, ::2]):
        read = restricted_pickle.loads(pickle.dumps({"a": stored}, protocol))["a"]
        np.testing.assert_array_equal(read, stored)
        assert read.dtype.isnative


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_scalars_and_containers_come_back_equal(protocol):
    value = {"frame_0": {"scale": np.float32(0.25), "name": "é", "list": [1, 2.5, None, (True, b"\x00\xff")]}}
    assert restricted_pickle.loads(pickle.dumps(value, protocol)) == value


@pytest.mark.parametrize("kind", [sparse.csc_matrix, sparse.csr_matrix, sparse.coo_matrix, sparse.csc_array])
def test_sparse_matrices_come_dense(kind):
    dense = np.where(np.random.default_rng(1).random((5, 7)) > 0.7, 2.5, 0.0)
    np.testing.assert_array_equal(restricted_pickle.loads(pickle.dumps(kind(dense))), dense)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_chumpy_object_gives_its_array(chumpy, protocol):
    wrapped = chumpy.Ch()
    wrapped.x, wrapped._dirty_vars = np.arange(6.0).reshape(2, 3), set()
    data = pickle.dumps(wrapped, protocol)
    del sys.modules["chumpy.ch"]
    np.testing.assert_array_equal(restricted_pickle.loads(data), np.arange(6.0).reshape(2, 3))


def test_a_chumpy_object_without_an_array_is_named(chumpy):
    with pytest.raises(FileFormatError, match=r"chumpy Ch object holds no array"):
        restricted_pickle.loads(pickle.dumps(chumpy.Ch()))


def test_python_2_text_arrays_are_read():
    old = (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01K\x02\x85cnumpy\ndtype\nU\x02f8K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        b"\x89U\x10" + np.array([1.5, -2.0]).tobytes() + b"tb."
    )
    np.testing.assert_array_equal(restricted_pickle.loads(old), [1.5, -2.0])


@pytest.mark.parametrize("protocol", [0, *PROTOCOLS])
def test_a_pickle_that_runs_a_command_is_refused_by_name_and_runs_nothing(tmp_path, protocol):
    marker = tmp_path / "ran"
    with pytest.raises(FileFormatError, match=r"evil\.pkl.*names (posix|nt)\.system"):
        restricted_pickle.loads(pickle.dumps({"x": Command(marker)}, protocol), "evil.pkl")
    assert not marker.exists()


@pytest.mark.parametrize(
    "name", [b"builtins\neval", b"builtins\ngetattr", b"numpy\nload", b"numpy.lib.npyio\nload", b"chumpyx\nCh"]
)
def test_functions_of_admitted_packages_are_refused(name):
    with pytest.raises(FileFormatError, match="not an array"):
        restricted_pickle.loads(b"c" + name + b"\n.")


def test_a_pickle_cannot_alter_the_reader():
    change = b"(N}X\x05\x00\x00\x00valueK\x01stb."
    with pytest.raises(FileFormatError, match="cannot be changed"):
        restricted_pickle.loads(b"cbuiltins\nobject\n" + change)
    with pytest.raises(FileFormatError):
        restricted_pickle.loads(b"cnumpy\nndarray\n" + change)


def test_object_arrays_with_bytes_and_damaged_streams_are_refused(tmp_path):
    whole = pickle.dumps({"a": np.arange(100.0)})
    for data in (whole[:-30], b"", b"\x80\x04garbage", whole.replace(b"f8", b"O8")):
        with pytest.raises(FileFormatError):
            restricted_pickle.loads(data)
    with pytest.raises(MediaError, match="does not exist"):
        restricted_pickle.load(tmp_path / "missing.pkl")


BUFFER = b"\x80\x02cnumpy.core.numeric\n_frombuffer\n"
BYTE_TYPE = b"cnumpy\ndtype\nX\x02\x00\x00\x00u1\x85R"


def nested(levels: int, width: int) -> bytes:
    """A list of lists of lists, each the same one `width` times."""
    inner: list = ["ha"]
    for _ in range(levels):
        inner = [inner] * width
    return pickle.dumps({"v_template": inner}, 2)


def many_calls(function: bytes, argument: bytes, count: int) -> bytes:
    """`count` calls with one argument that the pickle holds once."""
    call = b"h\x00h\x01\x85R0"
    return b"\x80\x02c" + function + b"\nq\x00" + argument + b"q\x01" + b"0" + call * count + b"N."


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (nested(9, 10), "unfolds to more than"),
        (nested(200, 1), "nested too deeply"),
        (b"\x80\x02Nr\xff\xff\xff\x7f.", "counts its values wrongly"),
        (b"\x80\x02Np2147483647\n.", "counts its values wrongly"),
        (many_calls(b"_codecs\nencode", b"X\x00\x00\x10\x00" + b"a" * (1 << 20), 4000), "unfolds to far more"),
        (many_calls(b"builtins\nset", b"(" + b"N" * (1 << 16) + b"l", 4000), "unfolds to far more"),
        (BUFFER + b"(J\xff\xff\xff\x7f" + BYTE_TYPE + b"K\x01tR.", "without bytes"),
        (b"\x80\x02]q\x00h\x00a.", "nested too deeply"),
    ],
    ids=["laughs", "deep", "memory", "memory as text", "texts", "sets", "bytes of a number", "itself"],
)  # fmt: skip
def test_a_small_pickle_cannot_ask_for_all_memory_or_for_years(data, reason):
    with pytest.raises(FileFormatError, match=reason):
        restricted_pickle.loads(data)


def test_a_large_sparse_matrix_of_nothing_is_refused():
    empty = sparse.csc_matrix((100_000, 100_000))
    with pytest.raises(FileFormatError, match="unfolds to far more"):
        restricted_pickle.loads(pickle.dumps(empty))


def test_values_that_are_shared_come_back_equal():
    shared = [np.arange(3.0), {"a": 1}]
    read = restricted_pickle.loads(pickle.dumps({"one": shared, "two": shared, "three": (shared, shared)}))
    for value in (read["one"], read["two"], *read["three"]):
        np.testing.assert_array_equal(value[0], [0, 1, 2])
        assert value[1] == {"a": 1}
