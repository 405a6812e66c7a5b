"""The Gradio demo, made of the ComfyUI nodes. Only `page` and `tabs` need Gradio."""
