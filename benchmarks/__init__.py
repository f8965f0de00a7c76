"""Benchmarks: kernels and models against NumPy twins that do the same work, side by side in one process.

``python -m benchmarks`` (or ``make bench``). `measure`: how times are taken. `rows`: what a row of the table is.
`twins`, `touch`: what we run against. `suites`: the register; one line there adds a suite. `report`: the table.
"""
