"""Codes written out bit by bit and read back: what the lengths of `sdrsim.hardware.encodings` are the lengths of."""


def address_width(n):
    """Fewest bits that tell n apart."""
    width = 0
    while 2**width < n:
        width += 1
    return width


def binary(number, width):
    return f"{number:0{width}b}" if width else ""


def write(units, n_units, encoding, n_modules=None, header=0, payload=0):
    """The packets of a code, each a string of bits; headers and payloads are zeros."""
    rest = "0" * payload
    if encoding == "aer":
        return ["0" * header + binary(u, address_width(n_units)) + rest for u in units]
    if encoding == "bitmap":
        return ["0" * header + "".join("1" if u in units else "0" for u in range(n_units)) + rest * len(units)]
    n_cells = n_units // n_modules
    return ["0" * header + "".join(binary(u % n_cells, address_width(n_cells)) + rest for u in units)]


def read(packets, n_units, encoding, n_modules=None, header=0, payload=0):
    """The active units of a code from its packets."""
    bodies = [packet[header:] for packet in packets]
    if encoding == "aer":
        width = address_width(n_units)
        return [int(body[:width] or "0", 2) for body in bodies]
    if encoding == "bitmap":
        return [u for u in range(n_units) if bodies[0][u] == "1"]
    n_cells = n_units // n_modules
    width = address_width(n_cells)
    step = width + payload
    return [q * n_cells + int(bodies[0][q * step : q * step + width] or "0", 2) for q in range(n_modules)]
