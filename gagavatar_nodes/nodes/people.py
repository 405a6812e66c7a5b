"""The person whom a connected picture shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import spec, tensors
from .models import comfy_settings

if TYPE_CHECKING:
    from ..tracking.faces import FaceChoice

ORDERS = ("size", "left to right")
"""How faces are counted."""


def order_input() -> spec.Spec:
    """Return the input that says how faces are counted."""
    return spec.choice(ORDERS, "How faces are counted: the largest first, or from the picture's left.", advanced=True)


def person_input(film: bool = False) -> spec.Spec:
    """Return the input that says by a picture who is meant, in a picture or a film."""
    again = ", and is known again after cuts" if film else ""
    return spec.socket("IMAGE", f"A picture of the person who is meant; it takes the place of face{again}.")


def choose_person(person: tensors.Batch | None, face: int, order: str = ORDERS[0]) -> FaceChoice:
    """Return the face that is meant: the one numbered `face` in one of `ORDERS`, or a connected picture's person's.

    Raises:
        FaceError: the picture shows no face.
        WeightsError: a file of face recognition is truncated, or another one.
    """
    from ..tracking.faces import FromLeft

    if person is None:
        return FromLeft(face) if order == ORDERS[1] else face or None
    from ..tracking.reference import recognizer, reference_of

    tensors.check_images(person, "person")
    return reference_of(tensors.rgb_frame(person, 0), recognizer(comfy_settings()), "the input 'person'")
