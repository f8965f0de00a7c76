"""The package is what the checkout says: hand-written lists, links, guards, names, sizes."""

import ast
import fnmatch
import inspect
import os
import pkgutil
import re
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

import sdrsim

TOP = Path(__file__).resolve().parents[1]
ROOTS = {"sdrsim": "sdrsim", "sdrsim.models": "models", "sdrsim.hardware": "hardware", "sdrsim.studies": "studies"}
LINKED = ("models", "hardware", "studies")
PROJECT = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))
SETUPTOOLS = PROJECT["tool"]["setuptools"]
MOST_LINES, MOST_FUNCTION_LINES = 400, 60

CONTRACT = {  # the names scripts type, by module; more may be there
    "sdrsim": "SDR patterns measures stream errors Network Simulator",
    "sdrsim.patterns": "random_sparse random_block correlated erase insert move_units occlude binarise",
    "sdrsim.measures": "exact_error bit_error overlap code_match auc rank_correlation information capacity",
    "sdrsim.models.sparsey": "Mac MacParams SparseyClassifier Hierarchy Level",
    "sdrsim.files": "load_dataset read_result write_result",
    "sdrsim.studies": "plotting",
    "sdrsim.studies.plotting": "curve raster trace overlap_matrix confusion filmstrip weights save "
    "SINGLE_COLUMN DOUBLE_COLUMN",
}


def folders() -> dict[str, Path]:
    """Import name -> folder, of every folder of the product that is neither a link nor a cache."""
    found = {}
    for root, place in ROOTS.items():
        for folder, subfolders, _ in os.walk(TOP / place, followlinks=False):
            subfolders[:] = [s for s in subfolders if s[0] not in "_." and not (Path(folder) / s).is_symlink()]
            inside = Path(folder).relative_to(TOP / place).parts
            found[".".join([root, *inside])] = Path(folder)
    return found


def files_of(folder: Path) -> list[Path]:
    return [f for f in folder.iterdir() if f.is_file() and not f.is_symlink() and f.suffix not in (".pyc", ".pyo")]


def sources() -> list[Path]:
    return sorted(f for folder in folders().values() for f in files_of(folder) if f.suffix == ".py")


def tracked() -> list[Path]:
    """What git tracks, links left out; skips where there is no checkout (an unpacked sdist)."""
    if not (TOP / ".git").exists():
        pytest.skip("no git checkout")
    done = subprocess.run(["git", "-C", str(TOP), "ls-files", "-z"], capture_output=True, check=True)
    files = [TOP / name for name in done.stdout.decode().split("\0") if name]
    return [f for f in files if f.is_file() and not f.is_symlink()]


def modules() -> list[str]:
    return ["sdrsim", *sorted(m.name for m in pkgutil.walk_packages(sdrsim.__path__, "sdrsim."))]


# ---- what goes into the wheel -------------------------------------------------------------------------------------


def test_packages_are_listed():
    on_disk = {name for name, folder in folders().items() if files_of(folder)}
    assert sorted(SETUPTOOLS["packages"]) == sorted(on_disk)


def test_linked_folders_are_mapped():
    assert SETUPTOOLS["package-dir"] == ROOTS


def test_data_files_are_covered():
    patterns = SETUPTOOLS["package-data"]["*"]
    data = [f for folder in folders().values() for f in files_of(folder) if f.suffix != ".py"]
    assert {"py.typed", "digits8.npz", "house.mplstyle"} <= {f.name for f in data}
    assert [str(f) for f in data if not any(fnmatch.fnmatch(f.name, p) for p in patterns)] == []


def test_sdist_holds_what_its_makefile_needs():
    manifest = (TOP / "MANIFEST.in").read_text(encoding="utf-8").split()
    assert {"tests", "docs", "benchmarks", "Makefile", "CITATION.cff", "CHANGELOG.md"} <= set(manifest)


def test_program_is_there():
    module, _, name = PROJECT["project"]["scripts"]["sdrsim"].partition(":")
    assert callable(getattr(import_module(module), name))


def test_licence_files_are_there():
    for pattern in PROJECT["project"]["license-files"]:
        assert list(TOP.glob(pattern)), pattern


def test_ci_leaves_nothing_out():
    steps = re.findall(r"^make (\w+)$", (TOP / ".ci" / "run").read_text(encoding="utf-8"), re.MULTILINE)
    rules = dict(re.findall(r"^(\w+):(.*)$", (TOP / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert steps == ["test", "check"]
    assert rules["check"].split() == ["lint", "types", "floors", "wheel", "verify"]
    assert os.access(TOP / ".ci" / "run", os.X_OK) or os.name == "nt"


# ---- links and guards ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LINKED)
def test_links_are_links_in_git(name):
    if not (TOP / ".git").exists():
        pytest.skip("no git checkout")
    done = subprocess.run(["git", "-C", str(TOP), "ls-files", "-s", f"sdrsim/{name}"], capture_output=True, check=True)
    assert done.stdout.startswith(b"120000 "), done.stdout
    blob = subprocess.run(
        ["git", "-C", str(TOP), "cat-file", "-p", done.stdout.split()[1]], capture_output=True, check=True
    )
    assert blob.stdout == f"../{name}".encode()


@pytest.mark.parametrize("name", LINKED)
def test_plain_import_of_a_linked_folder_is_refused(name):
    program = f"import sys; sys.path.insert(0, {str(TOP)!r}); import {name}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].startswith(f"ImportError: import sdrsim.{name}, not {name}")


@pytest.mark.parametrize("name", LINKED)
def test_guard_is_the_first_statement(name):
    body = ast.parse((TOP / name / "__init__.py").read_text(encoding="utf-8")).body
    first = body[1] if isinstance(body[0], ast.Expr) else body[0]  # after the docstring
    assert ast.unparse(first).startswith(f"if __name__ != 'sdrsim.{name}':\n    raise ImportError(")


# ---- names --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", modules())
def test_public_names_are_there(name):
    module = import_module(name)
    public = getattr(module, "__all__", [])
    assert len(set(public)) == len(public)
    assert [n for n in public if not hasattr(module, n)] == []
    assert set(public) <= set(dir(module)) | {"__version__"}


@pytest.mark.parametrize("name", modules())
def test_public_objects_are_documented(name):
    module = import_module(name)
    objects = {n: getattr(module, n) for n in getattr(module, "__all__", [])}
    mute = [n for n, o in objects.items() if (inspect.isclass(o) or inspect.isroutine(o)) and not inspect.getdoc(o)]
    assert mute == []
    assert module.__doc__ or not Path(str(module.__file__)).read_bytes()


@pytest.mark.parametrize("name", CONTRACT)
def test_names_of_the_contract(name):
    module = import_module(name)
    assert [n for n in CONTRACT[name].split() if n not in module.__all__ or not hasattr(module, n)] == []


@pytest.mark.parametrize("name", ["sdrsim", "sdrsim.files", "sdrsim.models.sparsey"])
def test_type_checkers_see_the_lazy_names(name):
    module = import_module(name)
    tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
    blocks = [n for n in tree.body if isinstance(n, ast.If) and ast.unparse(n.test) == "TYPE_CHECKING"]
    imports = [n for block in blocks for n in block.body if isinstance(n, (ast.Import, ast.ImportFrom))]
    seen = {a.asname for n in imports for a in n.names}
    assert seen == {n for n in module.__all__ if not n.startswith("__")}


@pytest.mark.parametrize("name", ["sdrsim", "sdrsim.models", "sdrsim.hardware", "sdrsim.studies", "sdrsim.files"])
def test_unknown_names_are_attribute_errors(name):
    with pytest.raises(AttributeError, match=f"module '{name}' has no attribute 'no_such_name'"):
        _ = import_module(name).no_such_name


# ---- version ------------------------------------------------------------------------------------------------------


def test_version_stands_in_one_place():
    assert "version" not in PROJECT["project"]
    assert SETUPTOOLS["dynamic"]["version"] == {"attr": "sdrsim.__version__"}
    assert re.fullmatch(r"\d+\.\d+\.\d+(\.dev\d+|rc\d+)?", sdrsim.__version__)


def test_version_is_in_changelog_and_citation():
    assert f"\n## {sdrsim.__version__} " in (TOP / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"\nversion: {sdrsim.__version__}\n" in (TOP / "CITATION.cff").read_text(encoding="utf-8")


# ---- house style --------------------------------------------------------------------------------------------------


def test_files_are_small():
    lengths = {str(f.relative_to(TOP)): len(f.read_text(encoding="utf-8").splitlines()) for f in sources()}
    assert {name: n for name, n in lengths.items() if n > MOST_LINES} == {}


def test_functions_are_short():
    long = {}
    for file in sources():
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                n = (node.end_lineno or 0) - _body_start(node) + 1
                if n > MOST_FUNCTION_LINES:
                    long[f"{file.relative_to(TOP)}:{node.name}"] = n
    assert long == {}


def _body_start(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """First line after the docstring: text is free, code is not."""
    told = isinstance(node.body[0], ast.Expr) and isinstance(node.body[0].value, ast.Constant)
    return (node.body[0].end_lineno or 0) + 1 if told else node.lineno


def test_no_machine_path_is_tracked():
    homes = ["home", "Users", "root", "work"]
    found = re.compile(rb"(?<![\w.:/])/(?:" + "|".join(homes).encode() + rb")/\w|[A-Z]:\\\\?Users")
    bad = [str(f.relative_to(TOP)) for f in tracked() if found.search(f.read_bytes()) and f.suffix not in (".npz",)]
    assert bad == []


def test_no_pickle_in_the_product():
    loads = re.compile(r"\b(?:import|from) (?:pickle|dill|cloudpickle|shelve|marshal)\b|allow_pickle=True")
    assert [str(f.relative_to(TOP)) for f in sources() if loads.search(f.read_text(encoding="utf-8"))] == []
