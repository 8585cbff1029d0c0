"""Photos, video and cameras: detect, crop, track, recognise, draw, without TensorFlow or Keras."""

from fer_tf.pictures.images import read_image
from fer_tf.vision.analyzer import FaceAnalyzer
from fer_tf.vision.detectors import open_detector
from fer_tf.vision.results import Analysis, Box, Detection, Face

__all__ = ["Analysis", "Box", "Detection", "Face", "FaceAnalyzer", "open_detector", "read_image"]
