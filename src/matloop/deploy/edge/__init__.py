"""Bundles for machines without the usual libraries: ONNX, and a runner that needs numpy alone."""
