"""Writes networks as ONNX models: traced by torch.fx, height and width free."""

from .graph import INPUT, OUTPUT, check_onnx, describe, onnx_model

__all__ = ["INPUT", "OUTPUT", "check_onnx", "describe", "onnx_model"]
