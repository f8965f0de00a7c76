"""What others read: metrics as NeuroBench states them, chips and networks for SANA-FE, traces for DRAM simulators."""

from sdrsim.hardware.export.dram_trace import dram_trace, fetches
from sdrsim.hardware.export.groups import Edges, Group, groups_and_edges
from sdrsim.hardware.export.neurobench import NeuroBench, effective_operations, neurobench
from sdrsim.hardware.export.sanafe import sanafe_chip, sanafe_network

__all__ = [
    "Edges",
    "Group",
    "NeuroBench",
    "dram_trace",
    "effective_operations",
    "fetches",
    "groups_and_edges",
    "neurobench",
    "sanafe_chip",
    "sanafe_network",
]
