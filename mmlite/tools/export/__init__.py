"""Detectors in one ONNX file: written, read again without a config, compared with PyTorch."""
