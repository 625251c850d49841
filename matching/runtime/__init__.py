"""Networks exported once and run by ONNX Runtime, so that no serving process needs torch."""
