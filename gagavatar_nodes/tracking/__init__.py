"""From media to faces: detection, landmarks, pose, matting, smoothing."""
