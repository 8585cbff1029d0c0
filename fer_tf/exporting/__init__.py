"""A trained network as its users load it: SavedModel, TFLite, ONNX and a web page."""
