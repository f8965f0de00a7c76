"""Compiled code of the Hebbian memories: arrays in, arrays out."""
