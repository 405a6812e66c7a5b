"""Pictures, videos and output files: everything between the disk and uint8 RGB arrays."""
