"""Compiled code of the hardware model: arrays in, arrays out."""
