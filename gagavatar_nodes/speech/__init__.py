"""Speech moves the head: from a voice to a motion."""

VOICES = ("embedded", "artalk")
"""Voice models that `voices.drive` knows; ARTalk's weights are downloaded."""
VOICE_FPS = 25.0
"""Frames a second of a motion from a voice, where nobody asks for another rate."""
