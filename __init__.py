"""ComfyUI loads this folder as a pack: the nodes, and where their help pages are."""

if __package__:
    from .gagavatar_nodes.nodes import v3

    WEB_DIRECTORY = "./web"
    if v3.available() is None:
        from .gagavatar_nodes.nodes import NODE_CLASS_MAPPINGS, NODE_DISPLAY_NAME_MAPPINGS

        __all__ = ["NODE_CLASS_MAPPINGS", "NODE_DISPLAY_NAME_MAPPINGS", "WEB_DIRECTORY"]
    else:
        from .gagavatar_nodes.nodes import comfy_entrypoint

        __all__ = ["WEB_DIRECTORY", "comfy_entrypoint"]
