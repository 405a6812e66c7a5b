"""The Gradio demo, made of the ComfyUI nodes. Only `page` and `tabs` need Gradio."""

from .startup import skip_stubs

skip_stubs()
