"""Speech moves the head: from a voice to a motion."""

VOICES = ("embedded",)
"""Voice models that `voices.drive` knows."""
VOICE_FPS = 25.0
"""Frames a second of a motion from a voice, where nobody asks for another rate."""
