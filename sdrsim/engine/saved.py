"""What goes to a file and comes back: `save` and `load` on `state`, `from_state`; memories, by parameters and seed."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

from sdrsim.engine.params import Params, names_own
from sdrsim.errors import FileFormatError
from sdrsim.files.state import load_state, save_state

__all__ = ["Saved", "SavedMemory"]


class Saved(ABC):
    """Base of what is written whole, by its state."""

    kind: ClassVar[str]
    """Name of its files."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """All that `from_state` needs, copied."""

    @classmethod
    @abstractmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """One from `state`."""

    def save(self, path: str | Path) -> Path:
        """Write parameters and all that was learned to an HDF5 file, whole or not at all."""
        return save_state(path, self.kind, self.state())

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """What `save` wrote, exactly where it stood; FileFormatError when damaged or of another kind."""
        return cls.from_state(load_state(path, cls.kind))

    def _repr_html_(self) -> str:
        return f"<code>{self!r}</code>"


class SavedMemory(Saved):
    """Base of memories with `params` and `seed`; the constructor takes the fields of the parameters and the seed."""

    params: Params
    seed: int

    def _identity(self) -> dict[str, Any]:
        """What a state must agree in to be restored."""
        return {"params": self.params.to_json(), "seed": self.seed}

    def _check_identity(self, state: Mapping[str, Any]) -> None:
        for name, own in self._identity().items():
            if state[name] != own:
                raise FileFormatError(f"state of {type(self).__name__}", got=f"{name} {state[name]}", expected=own)

    @abstractmethod
    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over the state of one like this; refused whole when parameters or seed differ."""

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """A memory from `state`.

        Raises
        ------
        FileFormatError
            It had a rule of its own: make a memory with this rule and `restore` the state.
        """
        if names_own(state["params"]):
            do = "make one with its rule, then restore(state)"
            raise FileFormatError(f"state of {cls.__name__}", got="one with a rule of its own", do=do)
        params = cls._params_type().from_json(state["params"])
        make: Callable[..., Self] = cls
        made = make(**cls._arguments(params), seed=state["seed"])
        made.restore(state)
        return made

    @classmethod
    def _arguments(cls, params: Params) -> dict[str, Any]:
        """What the constructor takes, from parameters."""
        return {name: getattr(params, name) for name in type(params).model_fields}

    @classmethod
    @abstractmethod
    def _params_type(cls) -> type[Params]:
        """The class of its parameters."""
