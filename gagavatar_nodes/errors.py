"""Errors that an artist can act on."""


class GagavatarError(Exception):
    """Something the user can mend: one line that says what was wrong, with which file or frame, and the next step."""


class MediaError(GagavatarError):
    """A picture, video or output file cannot be read or written."""


class FaceError(GagavatarError):
    """No usable face where one is needed."""


class FileFormatError(GagavatarError):
    """A motion, avatar or weights file is damaged, of another kind, or from a newer version."""


class WeightsError(GagavatarError):
    """A weights file is missing, damaged, not the expected one, or cannot be fetched."""
