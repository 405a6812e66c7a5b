"""The person whom a connected picture shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import spec, tensors
from .models import comfy_settings

if TYPE_CHECKING:
    from ..tracking.faces import FaceChoice


def person_input() -> spec.Spec:
    """Return the input that says by a picture who is meant."""
    return spec.socket(
        "IMAGE",
        "A picture of the person who is meant; it takes the place of face, and is known again after cuts. Needs a "
        "network of face recognition, see 'gagavatar weights list'.",
    )


def choose_person(person: tensors.Batch | None, face: int) -> FaceChoice:
    """Return the face that is meant: the one numbered `face`, or that of a connected picture's person.

    Raises:
        FaceError: the picture shows no face.
        WeightsError: there is no network of face recognition.
    """
    if person is None:
        return face or None
    from ..tracking.reference import recognizer, reference_of

    tensors.check_images(person, "person")
    embed, threshold = recognizer(comfy_settings())
    return reference_of(tensors.rgb_frame(person, 0), embed, threshold, "the input 'person'")
