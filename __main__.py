"""`python FOLDER weights list`: the command `gagavatar`, where this folder is a node pack that was not installed."""

from gagavatar_nodes.cli import run

if __name__ == "__main__":
    run()
