"""Compiled code of sparse Hopfield retrieval: arrays in, arrays out."""
