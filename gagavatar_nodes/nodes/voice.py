"""From a voice to a motion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..choices import RATES, STRENGTH, STRENGTHS
from ..errors import GagavatarError
from ..settings import FLAME
from ..speech import VOICE_FPS, VOICES
from ..types import Motion
from . import host, spec, tensors
from .fetching import download_inputs, fetch_missing
from .models import comfy_settings
from .progress import NodeProgress, run_cancellable
from .sound import heard_with, take_sound

_ARTALK_FILES = ("ARTalk_wav2vec.pt", "natural_0.pt", FLAME)


class DriveByVoice:
    """`Drive by Voice`."""

    DISPLAY_NAME = "Drive by Voice"
    CATEGORY = "GAGAvatar"
    DESCRIPTION = (
        "Speech moves the face: lips, jaw, head, brows, gaze and blinks, as long as the sound. Nothing is downloaded. "
        "Any AUDIO will do, such as from Load Audio or a text-to-speech node."
    )
    SEARCH_ALIASES = ("lip sync", "talking head", "speech", "audio driven", "visemes", "phonemes", "tts")
    RETURN_TYPES = (spec.MOTION, "AUDIO", "FLOAT", "INT")
    RETURN_NAMES = ("motion", "audio", "fps", "frames")
    OUTPUT_TOOLTIPS = (
        "For Render Avatar and the motion nodes; into mouth_of of Combine Motions to dub a video.",
        "The sound as it came in, for the video.",
        "Its frames a second.",
        "Its length in frames.",
    )
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Return the inputs by name, as ComfyUI asks for them."""
        return {
            "required": {
                "audio": spec.socket("AUDIO", "The voice, in any length, rate and number of channels."),
                "mouth": spec.slider(STRENGTH, *STRENGTHS, "How far the mouth moves; lips close on p, b and m anyway."),
                "head": spec.slider(
                    STRENGTH, *STRENGTHS, "Nods on stresses, turns at phrases: 0 holds the head still."
                ),
                "brows": spec.slider(STRENGTH, *STRENGTHS, "Brows that rise with the pitch."),
                "gaze": spec.slider(STRENGTH, *STRENGTHS, "Small glances: 0 looks straight on."),
                "blinks": spec.slider(STRENGTH, *STRENGTHS, "How often the eyes blink: 0 never."),
                "seed": spec.seed("Another number is another performance of the same words; lips keep to them."),
                "fps": spec.number(VOICE_FPS, *RATES, "Frames a second.", step=0.001),
                "text": spec.text(
                    "",
                    "What is said, in English, if you know it: lips keep to it more closely. May stay empty. Not used "
                    "by artalk.",
                ),
                "voice": spec.choice(
                    VOICES,
                    "What hears: embedded needs nothing; artalk is a network whose weights you download.",
                    default="embedded",
                    advanced=True,
                ),
                "style": spec.text(
                    "",
                    "How the speaker talks, for artalk: a style of its own, or a motion file. Empty is natural_0. Not "
                    "used by embedded.",
                    advanced=True,
                ),
            },
            "optional": download_inputs(_ARTALK_FILES),
        }

    def run(
        self,
        audio: Mapping[str, Any],
        mouth: float,
        head: float,
        brows: float,
        gaze: float,
        blinks: float,
        seed: int,
        fps: float,
        text: str,
        voice: str,
        style: str,
        download: bool = False,
        accept_licenses: bool = False,
    ) -> tuple[Motion, Mapping[str, Any], float, int]:
        """Raise `GagavatarError` where there is no sound, a text that is too long for it, or no weights."""
        from ..speech.manner import Manner
        from ..speech.sound import Sound
        from ..speech.voices import drive

        heard = take_sound(audio)
        if heard is None:
            raise GagavatarError(
                "Drive by Voice has no sound: connect 'audio' to Load Audio, or to a video that has some"
            )
        if download and voice == "artalk":
            fetch_missing(_ARTALK_FILES, host.models_folders(), accept_licenses)
        samples = tensors.to_array(heard["waveform"][0])
        sound = Sound.of(samples, int(heard["sample_rate"]), "audio")
        manner, settings = Manner(mouth, head, brows, gaze, blinks, seed), comfy_settings()
        progress = NodeProgress(None if sound.seconds is None else round(sound.seconds * fps))

        def hear() -> Motion:
            return drive(
                sound, voice, fps, manner, text, lambda done, _: progress(done), style or None, settings=settings
            )

        motion = run_cancellable(hear)
        return heard_with(motion, heard), heard, motion.fps, len(motion)
