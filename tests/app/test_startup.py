import subprocess
import sys

import pytest

pytest.importorskip("gradio")

_ASKED = """
import sys
import gagavatar_nodes.app
from importlib.machinery import SourceFileLoader
import gradio, gradio.component_meta as meta
assert meta.create_or_modify_pyi.__module__ == 'gagavatar_nodes.app.startup', meta.create_or_modify_pyi
assert not [one for one in sys.meta_path if type(one).__module__ == 'gagavatar_nodes.app.startup']
assert gradio.Slider(0, 1).get_config()['maximum'] == 1 and callable(gradio.Slider(0, 1).release)
"""


def test_gradio_is_imported_without_writing_stubs_and_works():
    ran = subprocess.run([sys.executable, "-c", _ASKED], capture_output=True, text=True, timeout=600, check=False)
    assert ran.returncode == 0, ran.stderr
