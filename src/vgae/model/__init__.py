"""Tensors in, one loss out; knows no file and no loop."""
