"""The slow, obvious twin of a Sparsey hierarchy: single-mac twins in a dict, apertures as lists of cells, Python sets.

A frame goes up level by level; every mac looks at the active cells of its own aperture and knows of no others.
"""

import math
from fractions import Fraction

from reference.sparsey_reference import ReferenceMac, plain_weights

from sdrsim.engine.seeds import subseed


class LevelMac(ReferenceMac):
    """A mac that sees some cells of its source: pixels, or lower macs of `block_size` units each."""

    def __init__(self, params, seed, mac, cells, block_size, block_cms):
        super().__init__(params, seed, mac, block_size, block_cms)
        self.cells = cells

    def rows(self, source):
        """Input rows for the active cells of the source, a dict cell -> units inside it."""
        return [
            slot * self.block_size + unit
            for slot, cell in enumerate(self.cells)
            if cell in source
            for unit in sorted(source[cell])
        ]


def starts(n, aperture, grid, stride):
    """Where the apertures begin along a side of n cells."""
    last = n - aperture
    if stride is not None:
        return [i * stride for i in range(math.floor(last / stride) + 1)]
    if grid == 1:
        return [math.floor(Fraction(last, 2) + Fraction(1, 2))]
    return [math.floor(Fraction(i * last, grid - 1) + Fraction(1, 2)) for i in range(grid)]


def apertures(source, aperture, grid=None, stride=None):
    """(grid (rows, columns), for each mac its source cells, row by row)."""
    rows, columns = (
        starts(source[a], aperture[a], None if grid is None else grid[a], None if stride is None else stride[a])
        for a in (0, 1)
    )
    seen = [
        [(r + i) * source[1] + c + j for i in range(aperture[0]) for j in range(aperture[1])]
        for r in rows
        for c in columns
    ]
    return (len(rows), len(columns)), seen


class ReferenceHierarchy:
    def __init__(self, input_shape, levels, seed=0):
        self.levels, self.n_frames = [], 0
        source, block_size, block_cms = input_shape, 1, 1
        for i, level in enumerate(levels):
            source, seen = apertures(source, level.aperture, level.grid, level.stride)
            params = level.mac_params(len(seen[0]) * block_size)
            key = subseed(seed, f"level {i}")
            self.levels.append([LevelMac(params, key, m, c, block_size, block_cms) for m, c in enumerate(seen)])
            block_size, block_cms = params.n_cms * params.n_cells, params.n_cms

    def frame(self, pixels, number, learning, settle=lambda level, mac, step: None):
        """One frame (active pixels) at place `number`: per level a list of (rows, step, whether anything was written).

        `settle` may put other winners into a step before they are written and passed on.
        """
        source, out = {p: [0] for p in pixels}, []
        for i, macs in enumerate(self.levels):
            done = []
            for m, mac in enumerate(macs):
                rows = mac.rows(source)
                step = mac.select(rows, number, learning)
                settle(i, m, step)
                before = mac.weights.sum()
                if learning:
                    mac.write(rows, step)
                done.append((rows, step, mac.weights.sum() > before))
            n_cells = macs[0].params.n_cells
            source = {
                m: [q * n_cells + int(k) for q, k in enumerate(step.winners)]
                for m, (_, step, _) in enumerate(done)
                if not step.silent
            }
            out.append(done)
        return out


class OneMac:
    """One mac of a compiled sheet, in the form `plain_weights` reads."""

    def __init__(self, sheet, mac):
        self.params, self._memory, self._mac = sheet.params, sheet.state()["memory"], mac

    def state(self):
        n, m = self.params.n_inputs, self._mac
        memory = {name: self._memory[name][m : m + 1] for name in ("n_set", "closed")}
        return {"memory": memory | {"words": self._memory["words"][m * n : (m + 1) * n]}}


def weights_of(sheet, mac):
    """(weights, n_set, closed) of one mac of a compiled sheet, in the twin's layout."""
    return plain_weights(OneMac(sheet, mac))
