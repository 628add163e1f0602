"""Cells on tensors: the loop over time, scans, the recurrent layers of torch, ONNX."""
