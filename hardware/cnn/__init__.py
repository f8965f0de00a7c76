"""Convolutional networks from the shapes of their layers: parameters, activations, MACs, energy; nothing is run."""

from sdrsim.hardware.cnn.builder import Builder
from sdrsim.hardware.cnn.conventions import CONVENTIONS
from sdrsim.hardware.cnn.convnet import ConvNet, Count
from sdrsim.hardware.cnn.energy import energy
from sdrsim.hardware.cnn.layer_tables import from_rows, layer_table, read_layers
from sdrsim.hardware.cnn.layers import LAYER_TYPES, Layer
from sdrsim.hardware.cnn.library import load, names, summary

__all__ = [
    "CONVENTIONS",
    "LAYER_TYPES",
    "Builder",
    "ConvNet",
    "Count",
    "Layer",
    "energy",
    "from_rows",
    "layer_table",
    "load",
    "names",
    "read_layers",
    "summary",
]
