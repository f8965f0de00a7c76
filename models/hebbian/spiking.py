"""SpikingTwin: a binary memory as a network of spiking neurons in Brian2, volley for volley the same."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sdrsim.engine.checks import checked_count, checked_name, checked_real
from sdrsim.engine.codes import SDR, as_sdr
from sdrsim.engine.seeds import checked_seed, subseed
from sdrsim.errors import ParameterError, SdrsimError
from sdrsim.models.hebbian.asking import Asked, checked_request
from sdrsim.models.hebbian.binary import BinaryMemory
from sdrsim.models.hebbian.clique import CliqueMemory
from sdrsim.models.hebbian.volleys import ANY, Course, SpikingRun, firing_thresholds, summary, synapse_pairs

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

__all__ = ["SpikingRun", "SpikingTwin"]

_MOST = 255  # co-activations a counter holds

_UNITS = """{neuron}
thr : 1
fired : integer
cued : integer"""
_LINKS = """w : 1
sent : integer
p_syn : 1 (shared)"""
_COUNTERS = """
h : integer
consolidation : integer (shared)
learning : integer (shared)"""
_DRAW, _TRANSMIT = "sent = int(rand() >= p_syn)", "v_post += w*sent"
_LEARN = f"""
h += learning*fired_post*int(h < {_MOST})
w = int(h >= consolidation)"""
_ARRIVAL = """kept : integer
p_erase : 1 (shared)"""


class SpikingTwin:
    """A binary memory as a Brian2 network: one volley is one time step of 1 ms.

    Parameters
    ----------
    memory : WillshawMemory or CliqueMemory
        Its links are copied; what is stored later is not seen.
    consolidation : int 1 .. 255, or None
        None: one synapse a link, fixed. A number: one synapse for each pair of units that can be linked, with a counter
        ``h`` and the weight ``w = (h >= consolidation)``; `learn` counts co-active pairs. Links there are begin
        consolidated.
    neuron : str
        Brian2 equations of the neuron; they define the potential ``v``, dimensionless, to which a spike adds 1.
    codegen : 'numpy' | 'cython'
        Brian2's code generation; 'numpy' compiles nothing.

    Attributes
    ----------
    network : brian2.Network
        Everything below; add monitors to it. Time goes on from run to run.
    clock : brian2.Clock
    units : brian2.NeuronGroup
        Spike when ``v >= thr``; ``fired`` marks the spikes of this step.
    recurrent, own : brian2.Synapses
        The links; each unit to itself, with the memory effect as its weight.
    source, arrival : brian2.SpikeGeneratorGroup, brian2.Synapses
        The cue and its path, on which spikes get lost with p_erase.
    noise, insertion : brian2.NeuronGroup, brian2.Synapses
        Bernoulli spikes from outside, p_insert for each unit.

    Raises
    ------
    sdrsim.errors.SdrsimError
        Brian2 is not installed.

    Notes
    -----
    Scores are sums of integers, so that a volley without noise has the spikes of `recall` (sum of sum) exactly. Before
    the spikes of a step a network operation sets each unit's threshold: the competition. A synapse without delay
    delivers within the step, after the spikes; the potential it charges is compared in the next one. The draws of an
    item are keyed by the seed and its number, but they are Brian2's: of runs with noise compare rates, or play the
    recorded failures again.

    Examples
    --------
    >>> from sdrsim import patterns
    >>> from sdrsim.models.hebbian import WillshawMemory
    >>> from sdrsim.models.hebbian.spiking import SpikingTwin
    >>> m, x = WillshawMemory(256, 6), patterns.random_sparse(200, size=256, k=6, seed=0)
    >>> stored = m.store(x)
    >>> cues = patterns.erase(x[:5], .5, seed=1)
    >>> SpikingTwin(m).run(cues).codes == m.recall(cues).codes
    True
    """

    def __init__(
        self,
        memory: BinaryMemory,
        *,
        consolidation: int | None = None,
        neuron: str = "v : 1",
        codegen: str = "numpy",
    ) -> None:
        if not isinstance(memory, BinaryMemory):
            got = type(memory).__name__
            raise ParameterError("memory", got=got, expected="a WillshawMemory or a CliqueMemory")
        if consolidation is not None:
            consolidation = checked_count("consolidation", consolidation, 1, _MOST)
        self._codegen = checked_name("codegen", codegen, ("numpy", "cython"))
        self._brian2 = _import_brian2()
        self.memory, self.size, self.consolidation = memory, memory.size, consolidation
        self._course: Course | None = None
        links = memory.links()
        self._pre, self._post = synapse_pairs(memory, links, plastic=consolidation is not None)
        self._indptr = np.searchsorted(self._pre, np.arange(self.size + 1))
        self._build(neuron)
        if consolidation is None:
            self.recurrent.w = 1
        else:
            linked = np.asarray(links[self._pre, self._post]).reshape(-1)
            self.recurrent.consolidation = consolidation
            self.recurrent.h = linked.astype(np.int32) * consolidation
            self.recurrent.w = linked.astype(np.float64)
        self.network.run(0 * self.clock.dt, namespace={})  # equations are checked here and not at the first cue

    # ---- the network ----------------------------------------------------------------------------------------------

    def _build(self, neuron: str) -> None:
        b2 = self._brian2
        if "v" not in b2.Equations(neuron).names:
            raise ParameterError("neuron", got=repr(neuron), expected="equations that define v", do='as in "v : 1"')
        self.clock = b2.Clock(dt=1 * b2.ms)
        how = {"clock": self.clock, "codeobj_class": _code_class(self._codegen), "namespace": {}}
        everybody, plastic = np.arange(self.size, dtype=np.int32), self.consolidation is not None
        self.units = b2.NeuronGroup(
            self.size, _UNITS.format(neuron=neuron), threshold="v >= thr", reset="", name="units*", **how
        )
        self.units.thr = np.inf
        model, transmit = (_LINKS + _COUNTERS, _TRANSMIT + _LEARN) if plastic else (_LINKS, _TRANSMIT)
        # two paths: Brian2 takes what draws and what adds to a shared target for dependent on the order of synapses
        paths = {"draw": _DRAW, "transmit": transmit}
        self.recurrent = b2.Synapses(self.units, self.units, model, on_pre=paths, name="recurrent*", **how)
        self.own = b2.Synapses(self.units, self.units, "w : 1", on_pre="v_post += w", name="own*", **how)
        timing = {name: how[name] for name in ("clock", "codeobj_class")}
        self.source = b2.SpikeGeneratorGroup(self.size, [], [] * b2.second, name="source*", **timing)
        paths = {"draw": "kept = int(rand() >= p_erase)", "transmit": "cued_post = 1\nv_post += kept"}
        self.arrival = b2.Synapses(self.source, self.units, _ARRIVAL, on_pre=paths, name="arrival*", **how)
        self.noise = b2.NeuronGroup(
            self.size, "p_insert : 1 (shared)", threshold="rand() < p_insert", reset="", name="noise*", **how
        )
        self.insertion = b2.Synapses(
            self.noise, self.units, on_pre="v_post += int(cued_post == 0)", name="insertion*", **how
        )
        self.recurrent.transmit.order = self.arrival.transmit.order = 1
        self.insertion.pre.order = 2  # noise adds units that the cue does not hold
        if len(self._pre):
            self.recurrent.connect(i=self._pre, j=self._post)
        else:
            self.recurrent.connect(condition="False")  # Brian2 takes no empty lists
        for one_to_one in (self.own, self.arrival, self.insertion):
            one_to_one.connect(i=everybody, j=everybody)
        slots = {
            "start": self._begin,
            "before_thresholds": self._compete,
            "after_thresholds": self._note_spikes,
            "after_synapses": self._note_transmission,
            "end": self._advance,
        }
        operations = [b2.NetworkOperation(do, clock=self.clock, when=when) for when, do in slots.items()]
        self.network = b2.Network(
            self.units, self.recurrent, self.own, self.source, self.arrival, self.noise, self.insertion, *operations
        )
        self._v, self._thr, self._fired, self._cued = (
            self.units.variables[name].get_value() for name in ("v", "thr", "fired", "cued")
        )

    def _begin(self) -> None:
        """A step begins: with a new item, its own draws."""
        course = self._course
        at_arrival = course is not None and course.step == 0
        if course is not None and at_arrival:
            self._brian2.seed(subseed(course.key, f"spiking twin, item {course.first + course.item}") >> 32)
            course.spikes.append([])
            course.sent.append([])
            course.failures.append([])
        self.noise.variables["p_insert"].get_value()[...] = course.p_insert if course is not None and at_arrival else 0

    def _compete(self) -> None:
        """Set the thresholds, by what each unit received."""
        course = self._course
        if course is None or course.step == 0:
            self._thr[:] = np.inf
        elif course.step == 1 or course.asked is None:
            self._thr[:] = ANY
        else:
            item = course.first + course.item
            self._thr[:] = firing_thresholds(
                self._v, self._fired != 0, course.asked, self.memory._shape, course.key, item
            )

    def _note_spikes(self) -> None:
        """Record the volley; clear potentials, before its own spikes charge them."""
        spikes = np.array(self.units.spikes, np.int64)
        self._v[:] = 0
        self._fired[:] = 0
        self._fired[spikes] = 1
        if self._course is not None and self._course.step > 0:
            self._course.spikes[-1].append(spikes)
        else:
            self._cued[:] = 0

    def _note_transmission(self) -> None:
        """Record which links of the units that spiked failed."""
        course = self._course
        if course is None or not 1 <= course.step < course.n_volleys:
            return
        at = [np.arange(self._indptr[i], self._indptr[i + 1]) for i in course.spikes[-1][-1]]
        synapses = np.concatenate(at) if at else np.zeros(0, np.int64)
        weights, sent = (self.recurrent.variables[name].get_value()[synapses] > 0 for name in ("w", "sent"))
        failed = synapses[weights & ~sent]
        course.sent[-1].append(int((weights & sent).sum()))
        course.failures[-1].append((self._pre[failed].astype(np.int64), self._post[failed].astype(np.int64)))

    def _advance(self) -> None:
        course = self._course
        if course is not None:
            course.step = (course.step + 1) % (course.n_volleys + 1)
            course.item += course.step == 0

    # ---- running --------------------------------------------------------------------------------------------------

    def run(
        self,
        cues: Any,
        *,
        select: str | Callable[..., Any] | None = None,
        k: int | None = None,
        threshold: int | None = None,
        memory_effect: int = 1,
        max_iterations: int | None = None,
        p_syn: float = 0.0,
        p_erase: float = 0.0,
        p_insert: float = 0.0,
        first_item: int = 0,
        seed: int | None = None,
    ) -> SpikingRun:
        """Complete cues, one after another.

        Parameters
        ----------
        cues : codes over the units; of a clique memory also messages
        select, k, threshold, memory_effect, max_iterations, p_syn
            As the memory's `recall`, under sum of sum; the same defaults. All `max_iterations` volleys are run.
        p_erase : float in 0 .. 1
            Probability of each active unit of the cue to get lost.
        p_insert : float in 0 .. 1
            Probability of each unit that the cue does not hold to be switched on with it.
        first_item, seed
            Number of the first cue; another seed than the memory's.

        Returns
        -------
        SpikingRun
        """
        codes = self._codes("cues", cues)
        asked = self._asked(select, k, threshold, memory_effect, max_iterations, p_syn)
        return self._carry_out(codes, asked, p_erase, p_insert, first_item, seed)

    def learn(
        self,
        inputs: Any,
        *,
        p_erase: float = 0.0,
        p_insert: float = 0.0,
        first_item: int = 0,
        seed: int | None = None,
    ) -> SpikingRun:
        """Consolidated Hebb: one volley an input; the counter of every pair that spikes in it rises by one, up to 255.

        For twins with `consolidation`. The run's only volley holds what was presented, after noise.
        """
        self._need_counters("learn")
        codes = self._codes("inputs", inputs)
        self.recurrent.learning = 1
        try:
            return self._carry_out(codes, None, p_erase, p_insert, first_item, seed)
        finally:
            self.recurrent.learning = 0

    def _carry_out(
        self, codes: SDR, asked: Asked | None, p_erase: float, p_insert: float, first_item: int, seed: int | None
    ) -> SpikingRun:
        lost = checked_real("p_erase", p_erase, 0.0, 1.0)
        added = checked_real("p_insert", p_insert, 0.0, 1.0)
        first = checked_count("first_item", first_item, 0, 2**62 - 1)
        chosen = self.memory.seed if seed is None else checked_seed(seed)
        n_volleys = 1 if asked is None else 1 + asked.max_iterations
        b2, n_steps = self._brian2, n_volleys + 1
        self.own.w = 0 if asked is None else asked.memory_effect
        self.recurrent.p_syn = 0.0 if asked is None else asked.p_syn
        self.arrival.p_erase = lost
        now = round(float(self.network.t / self.clock.dt))
        arrivals = now + n_steps * np.repeat(np.arange(len(codes)), codes.n_active)
        self.source.set_spikes(codes.indices, arrivals * self.clock.dt)
        course = self._course = Course(asked, n_volleys, chosen, first, added)
        kept = b2.get_device().get_random_state()
        try:
            self.network.run(len(codes) * n_steps * self.clock.dt, namespace={})
        except b2.BrianObjectException as error:
            raise (error.__cause__ or error) from None
        finally:
            b2.get_device().set_random_state(kept)
            self._course = None
        return summary(codes, course)

    def _codes(self, what: str, x: Any) -> SDR:
        if isinstance(self.memory, CliqueMemory):
            return self.memory._as_codes(what, x)
        return as_sdr(x, self.size, what=what)

    def _asked(self, select: Any, k: Any, threshold: Any, gamma: Any, max_iterations: Any, p_syn: Any) -> Asked:
        memory: Any = self.memory
        if isinstance(memory, CliqueMemory):
            usual, best, most = "wta" if memory.order == memory.n_clusters else "gwsta", memory.order, 4
        else:
            usual, best = "threshold" if memory.n_active is None and k is None else "gwsta", memory.n_active
            most = 1 if (select or usual) == "threshold" else 10
        return checked_request(
            size=self.size,
            n_clusters=memory._shape[0],
            rule="sum_of_sum",
            select=usual if select is None else select,
            k=k,
            default_k=best,
            threshold=threshold,
            memory_effect=gamma,
            max_iterations=most if max_iterations is None else max_iterations,
            stop="fixed",
            p_syn=p_syn,
        )

    # ---- what was learned -----------------------------------------------------------------------------------------

    def links(self) -> "csr_matrix":
        """The links that transmit, (n_units, n_units) uint8 ones, as the memory's `links`."""
        from scipy.sparse import csr_matrix

        on = np.asarray(self.recurrent.w[:]) > 0
        ones = np.ones(int(on.sum()), np.uint8)
        return csr_matrix((ones, (self._pre[on], self._post[on])), shape=(self.size, self.size))

    def counters(self) -> NDArray[np.uint8]:
        """Counters of co-activation (n_units, n_units); 0 where no link can be."""
        self._need_counters("counters")
        out = np.zeros((self.size, self.size), np.uint8)
        out[self._pre, self._post] = self.recurrent.h[:]
        return out

    def _need_counters(self, what: str) -> None:
        if self.consolidation is None:
            do = "make the twin with consolidation="
            raise ParameterError(what, got="a twin with fixed links", expected="one with counters", do=do)

    @property
    def density(self) -> float:
        """Share of the possible links that transmit."""
        n_links = int((np.asarray(self.recurrent.w[:]) > 0).sum())
        return n_links / self.memory.n_synapses if self.memory.n_synapses else 0.0

    def __repr__(self) -> str:
        learns = "fixed" if self.consolidation is None else f"links from {self.consolidation} co-activations on"
        return f"SpikingTwin({self.size:,} units, {len(self._pre):,} synapses, {learns}; Brian2, {self._codegen})"

    def _repr_html_(self) -> str:
        return f"<code>{self!r}</code>"


def _import_brian2() -> Any:
    try:
        import brian2
    except ImportError as error:
        raise SdrsimError("spiking twin", got=f"no Brian2 here ({error})", do="pip install brian2") from None
    return brian2


def _code_class(codegen: str) -> Any:
    if codegen == "cython":
        from brian2.codegen.runtime.cython_rt.cython_rt import CythonCodeObject

        return CythonCodeObject
    from brian2.codegen.runtime.numpy_rt.numpy_rt import NumpyCodeObject

    return NumpyCodeObject
