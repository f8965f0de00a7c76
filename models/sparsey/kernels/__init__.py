"""Compiled Sparsey: one step of one mac, and frames over a sheet of macs (numpy, numba, sdrsim.kernels alone).

`layout`: constants, parameters, state and scratch as the kernels take them. `support`: sums, V and G (eqs 2-8).
`likelihood`: V to win likelihood (eqs 9, 10). `winners`: the draw and the arg max (eqs 11, 12). `writing`: the learning
law. `sheet`: which macs a frame reaches, and the step of each.
"""
