"""The face that trackers see: landmark topology, head pose, the face at rest, ARKit weights and what they do."""
