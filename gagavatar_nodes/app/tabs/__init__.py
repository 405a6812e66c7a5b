"""One tab of the page a module. Each has `build(context)`, called inside of a `gr.Tab`."""
