"""The demo as a Hugging Face Space runs it; elsewhere `gagavatar app` does the same, with options."""

from gagavatar_nodes.app.space import main

if __name__ == "__main__":
    main()
