"""Videos: decoding, tracking, recognition and encoding, each in its own thread."""
