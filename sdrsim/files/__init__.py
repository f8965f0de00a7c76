"""Result files, checkpoints, tables and data sets. Nothing is imported until a name is used (PEP 562)."""

from typing import TYPE_CHECKING, Any

_HOMES = {
    "Dataset": "sdrsim.files.datasets",
    "Result": "sdrsim.files.result",
    "StreamWriter": "sdrsim.files.streams",
    "Table": "sdrsim.files.table",
    "TimeSeries": "sdrsim.files.series",
    "dataset_names": "sdrsim.files.datasets",
    "load_dataset": "sdrsim.files.datasets",
    "load_idx": "sdrsim.files.idx",
    "load_images": "sdrsim.files.datasets",
    "load_state": "sdrsim.files.state",
    "read_result": "sdrsim.files.result",
    "read_codes": "sdrsim.files.streams",
    "read_stream": "sdrsim.files.streams",
    "save_state": "sdrsim.files.state",
    "write_result": "sdrsim.files.result",
}

__all__ = [
    "Dataset",
    "Result",
    "StreamWriter",
    "Table",
    "TimeSeries",
    "dataset_names",
    "load_dataset",
    "load_idx",
    "load_images",
    "load_state",
    "read_codes",
    "read_result",
    "read_stream",
    "save_state",
    "write_result",
]

if TYPE_CHECKING:
    from sdrsim.files.datasets import Dataset as Dataset
    from sdrsim.files.datasets import dataset_names as dataset_names
    from sdrsim.files.datasets import load_dataset as load_dataset
    from sdrsim.files.datasets import load_images as load_images
    from sdrsim.files.idx import load_idx as load_idx
    from sdrsim.files.result import Result as Result
    from sdrsim.files.result import read_result as read_result
    from sdrsim.files.result import write_result as write_result
    from sdrsim.files.series import TimeSeries as TimeSeries
    from sdrsim.files.state import load_state as load_state
    from sdrsim.files.state import save_state as save_state
    from sdrsim.files.streams import StreamWriter as StreamWriter
    from sdrsim.files.streams import read_codes as read_codes
    from sdrsim.files.streams import read_stream as read_stream
    from sdrsim.files.table import Table as Table


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'sdrsim.files' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
