"""ONNX files, and the proof that a file computes what its network computes."""
