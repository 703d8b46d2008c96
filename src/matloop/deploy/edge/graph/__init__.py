"""A model as a graph of ONNX operators, made from its arrays."""
