"""DRAM energies and times from data-sheet currents: activate, burst, background, refresh; the interface stands apart.

The core: what the chips draw, after the currents that vendors print (Micron's power calculators use the same terms).
Moving a bit over the pins and the board is not in it; ``e_io`` must be named wherever an energy is asked for.
"""

from math import ceil
from typing import NamedTuple

from sdrsim.errors import ParameterError, did_you_mean
from sdrsim.hardware.quantity import Grade, Quantity
from sdrsim.hardware.tables import Row, table_rows

__all__ = ["Dram", "assumed_io", "dram", "dram_names"]


class Dram(NamedTuple):
    """A rank, or channel, of `n_devices` chips: currents in mA, `t_ck` in ns, times in cycles.

    Notes
    -----
    ::

        e_act = VDD (IDD0 tRC - (IDD3N tRAS + IDD2N tRP)) n tCK,   tRC = tRAS + tRP
        e_rd  = VDD (IDD4R - IDD3N) (BL / 2) n tCK                 e_wr with IDD4W
        active standby VDD IDD3N n;  precharged VDD IDD2N n;  refresh VDD (IDD5 - IDD3N) n tRFC / tREFI

    mA, V and ns give pJ and mW.

    Examples
    --------
    >>> d = dram("DDR4-2400")
    >>> round(d.e_act.value, 3), round(d.e_rd.value, 3)
    (3450.144, 2932.224)

    One byte fetched alone, and a byte of a streamed row, in pJ per useful bit before the interface:

    >>> alone = d.energy_pj(n_activates=1, n_reads=1, e_io=0) / 8
    >>> streamed = d.energy_pj(n_activates=1, n_reads=128, e_io=0) / (8 * d.page_bytes)
    >>> round(alone, 1), round(streamed, 2)
    (797.8, 5.78)
    """

    device: str
    vdd: float
    idd0: float
    idd2n: float
    idd3n: float
    idd4r: float
    idd4w: float
    idd5: float
    t_ck: float
    t_ras: float
    t_rp: float
    t_rcd: float
    cl: float
    t_rfc: float
    t_refi: float
    burst_length: int
    n_devices: int
    bus_bits: int
    page_bytes: int
    source: str
    grade: Grade
    note: str

    @property
    def burst_bytes(self) -> int:
        """Bytes one burst moves."""
        return self.burst_length * self.bus_bits // 8

    @property
    def e_act(self) -> Quantity:
        """Opening a page and closing it, pJ/command."""
        t_rc = self.t_ras + self.t_rp
        current = self.idd0 * t_rc - (self.idd3n * self.t_ras + self.idd2n * self.t_rp)
        return self._quantity(self.vdd * current * self.n_devices * self.t_ck, "pJ/command")

    @property
    def e_rd(self) -> Quantity:
        """Reading a burst from an open page, pJ/command."""
        return self._burst(self.idd4r)

    @property
    def e_wr(self) -> Quantity:
        """Writing a burst to an open page, pJ/command."""
        return self._burst(self.idd4w)

    @property
    def standby_active(self) -> Quantity:
        """With a page open, W."""
        return self._quantity(self.vdd * self.idd3n * self.n_devices, "mW").to("W")

    @property
    def standby_precharged(self) -> Quantity:
        """With all pages closed, W."""
        return self._quantity(self.vdd * self.idd2n * self.n_devices, "mW").to("W")

    @property
    def refresh(self) -> Quantity:
        """Refresh, over its share of the time, W."""
        share = self.t_rfc / self.t_refi
        return self._quantity(self.vdd * (self.idd5 - self.idd3n) * self.n_devices * share, "mW").to("W")

    @property
    def bandwidth(self) -> Quantity:
        """Peak, both edges of the clock, GB/s (decimal)."""
        return self._quantity(self.bus_bits / 8 * 2 / self.t_ck, "GB/s")

    @property
    def t_rc(self) -> Quantity:
        """Least time between two activates of a bank, ns."""
        return self._quantity((self.t_ras + self.t_rp) * self.t_ck, "ns")

    def latency_ns(self, state: str) -> float:
        """Time of one burst: ``hit`` (page open), ``closed`` (bank idle), ``conflict`` (another page open).

        Raises
        ------
        sdrsim.errors.ParameterError
            Another state.

        Examples
        --------
        >>> [round(dram("DDR4-2400").latency_ns(s), 2) for s in ("hit", "closed", "conflict")]
        [17.43, 31.54, 45.65]
        """
        before = {"hit": 0.0, "closed": self.t_rcd, "conflict": self.t_rp + self.t_rcd}
        if state not in before:
            raise ParameterError("state", got=repr(state), expected=", ".join(before), do=did_you_mean(state, before))
        return (before[state] + self.cl + self.burst_length / 2) * self.t_ck

    def bursts(self, n_bytes: int, offset: int = 0) -> int:
        """Bursts that hold `n_bytes` from `offset` bytes behind the begin of one.

        Examples
        --------
        >>> d = dram("DDR4-2400")
        >>> d.bursts(1), d.bursts(128), d.bursts(128, offset=32), d.bursts(0)
        (1, 2, 3, 0)
        """
        if n_bytes < 0 or offset < 0:
            raise ParameterError("n_bytes, offset", got=f"{n_bytes}, {offset}", expected="0 or more")
        return ceil((offset % self.burst_bytes + n_bytes) / self.burst_bytes) if n_bytes else 0

    def pages(self, n_bytes: int, offset: int = 0) -> int:
        """Pages that hold `n_bytes` from `offset` bytes behind the begin of one."""
        if n_bytes < 0 or offset < 0:
            raise ParameterError("n_bytes, offset", got=f"{n_bytes}, {offset}", expected="0 or more")
        return ceil((offset % self.page_bytes + n_bytes) / self.page_bytes) if n_bytes else 0

    def energy_pj(self, *, n_activates: float = 0, n_reads: float = 0, n_writes: float = 0, e_io: float) -> float:
        """Energy of some commands in pJ, with `e_io` pJ for every bit that the bursts move."""
        moved = (n_reads + n_writes) * self.burst_bytes * 8
        core = n_activates * self.e_act.value + n_reads * self.e_rd.value + n_writes * self.e_wr.value
        return core + moved * e_io

    def _burst(self, current: float) -> Quantity:
        value = self.vdd * (current - self.idd3n) * (self.burst_length / 2) * self.n_devices * self.t_ck
        return self._quantity(value, "pJ/command")

    def _quantity(self, value: float, unit: str) -> Quantity:
        return Quantity(value, unit, f"{self.device}: {self.source}", self.grade, None, self.vdd, note=self.note)


def dram_names() -> tuple[str, ...]:
    """The devices whose currents are known.

    Examples
    --------
    >>> dram_names()[1], len(dram_names())
    ('DDR4-2400_8Gb_x8', 6)
    """
    return tuple(row["device"] for row in table_rows("dram_currents"))


def dram(name: str) -> Dram:
    """A device by its name, or by a begin of it that fits no other.

    Raises
    ------
    sdrsim.errors.ParameterError
        An unknown name, or one that fits several.

    Examples
    --------
    >>> dram("HBM2").page_bytes, dram("HBM2").burst_bytes
    (1024, 64)
    """
    rows = [row for row in table_rows("dram_currents") if row["device"].startswith(name)] if name else []
    exact = [row for row in rows if row["device"] == name]
    if len(exact or rows) != 1:
        fits = ", ".join(row["device"] for row in rows)
        do = f"it fits {fits}" if rows else did_you_mean(name, dram_names())
        raise ParameterError("DRAM device", got=repr(name), expected=", ".join(dram_names()), do=do)
    return _device((exact or rows)[0])


def _device(row: Row) -> Dram:
    whole = {"burst_length", "n_devices", "bus_bits", "page_bytes"}
    values: Row = {name: int(row[name]) if name in whole else row[name] for name in Dram._fields}
    return Dram(**values)


def assumed_io(kind: str) -> Quantity:
    """The interface energy this project assumes for DDR4, LPDDR4 or HBM2, pJ/bit, grade C: sweep it.

    Examples
    --------
    >>> assumed_io("DDR4").value, assumed_io("DDR4").verified
    (10.0, False)
    """
    rows = {row["device"]: row for row in table_rows("dram") if row["kind"] == "e_io_default"}
    if kind not in rows:
        raise ParameterError("interface", got=repr(kind), expected=", ".join(rows), do=did_you_mean(kind, rows))
    row = rows[kind]
    return Quantity(row["pj_per_bit_total"], row["unit"], row["source"], row["grade"], note=row["note"])
