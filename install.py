"""ComfyUI-Manager runs this after requirements.txt: adds onnxruntime and OpenCV where no flavor of them is there.

Users have onnxruntime-gpu, onnxruntime-directml, opencv-python, opencv-contrib-python: a second flavor beside one
of these would take its place, so what can be imported stays as it is.
"""

import importlib.util
import subprocess
import sys

PLAIN = {"onnxruntime": "onnxruntime>=1.17", "cv2": "opencv-python-headless>=4.8"}
"""Module -> what to install where it is missing."""


def missing() -> list[str]:
    """Requirements whose modules cannot be found."""
    return [requirement for module, requirement in PLAIN.items() if importlib.util.find_spec(module) is None]


def main() -> int:
    """Installs what is missing; returns pip's exit code."""
    needed = missing()
    if not needed:
        return 0
    return subprocess.call([sys.executable, "-m", "pip", "install", *needed])


if __name__ == "__main__":
    sys.exit(main())
