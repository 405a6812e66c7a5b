"""One network for all tests of this folder: drawing its 490 million weights takes seconds, and 2 GB of memory."""

from __future__ import annotations
