"""Anything that people have -> a graph, its split, and back."""
