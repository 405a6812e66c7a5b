"""`python -m gagavatar_nodes`: the command `gagavatar`."""

from .cli import run

if __name__ == "__main__":
    run()
