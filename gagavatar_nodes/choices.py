"""What users can choose, in which range, and what is taken where they choose nothing: for commands, nodes and the app.

Nothing is imported here, so that a command's help is there at once.
"""

MODELS = ("auto", "embedded", "gagavatar")
"""Avatar models; "auto" is GAGAvatar where its files are, else the embedded one."""
TRACKERS = ("auto", "embedded", "landmarks", "emica", "deca")
"""embedded: landmarks, pose and ARKit weights. landmarks: FLAME codes fitted to these as well. emica: the published
networks. deca: FLAME codes by DECA's encoder, frame by frame."""
PORTRAIT_TRACKERS = ("landmarks", "emica")
"""What fits FLAME to portraits: the bundled tracker's landmarks, or the published tracker, for exact agreement."""
SUITED_TRACKER = {"embedded": "embedded", "gagavatar": "landmarks"}
"""The tracker of drivers that suits an avatar model."""

DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("auto", "fp32", "fp16", "bf16")
REFINERS = ("torch", "openvino")
"""Libraries that run GAGAvatar's neural renderer."""

PORTRAIT_SIZE, PUBLISHED_PORTRAIT_SIZE = 512, 768
"""Edge in pixels of a portrait's crop for the embedded and for the published model."""
DENSITY, DENSITIES = 296, (148, 512)
"""Lattice nodes a side of the embedded avatar: GAGAvatar's plane (paper, section 3.1), the fewest and the most."""
SIZE, SIZES = 512, (16, 2048)
"""Edge of a rendered image in pixels: default, smallest and largest."""
PORTRAIT_SIZES = (256, 1024)
"""Of a portrait's crop, from the smallest to the largest."""
FPS, RATES = 25, (1, 240)
"""Frames a second of what is made, or whose rate is not known: default, lowest and highest."""
SECONDS = (0.04, 3600)
"""Shortest and longest length of a made motion."""
MOMENTS = (0, 36000)
"""Seconds of a motion or film at which it may be cut."""
STRENGTH, STRENGTHS, MOST_STRENGTH = 1, (0, 2), 4
"""Of an expression or a head's movement: as filmed, the range of sliders, and the most that can be typed."""
FACES = 64
"""How many faces can be told apart by their number."""
BACKGROUND, PAGE_BACKGROUND = "black", "#202428"
"""Of renderings, and of those on the page, where black is hard to see."""
SMOOTHING = 0.25
"""Strength of the One-Euro filter on tracked landmarks, 0..1. More takes away likeness in fast speech and in blinks
(`gagavatar evaluate`), less shows jitter."""
SPZ_VERSIONS = (2, 3, 4)
"""Of .spz files: the one that every viewer reads, one with finer rotations, and one with room for a rig."""
ORBITS = ("sweep", "circle", "figure8")
"""Ways of the head when an avatar is shown from all sides."""
ORBIT_YAW, ORBIT_PITCH, ORBIT_SECONDS = 30, 0, 4
"""Largest angles in degrees, and the length, of such a way."""
REFERENCES = ("auto", "neutral", "same")
"""Moments of the driver that match the portrait's expression, besides a frame's index."""
POSES = ("auto", "absolute", "relative")
"""What a driver's head pose is measured from, see `driving.head_turn`."""
