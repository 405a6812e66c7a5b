"""Head models: the bundled CC0 head, the canonical face, FLAME."""
