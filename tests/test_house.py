"""Guards of the house itself: what is shipped, linted, pinned, named and documented agrees with what is there."""

import re
import subprocess
import sys
import tomllib
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from sysconfig import get_path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
SHIPPED = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
PIN = re.compile(
    r"(?P<name>[a-z0-9-]+)==(?P<version>[0-9][0-9a-z.]*)(?: ; (?P<marker>.+?))?((?: --hash=sha256:[0-9a-f]{64})+)"
)
PIN_FILES = ("bootstrap.txt", "requirements.txt", "requirements-dev.txt")


def tracked(*paths: str) -> list[str]:
    """Files under version control, and new ones that are not ignored."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *paths]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    return [name for name in listed if (ROOT / name).is_file()]


def text_of(name: str) -> str:
    return (ROOT / name).read_bytes().decode("utf-8", errors="replace")


def run(*command: str | Path, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, check=False, env={"PATH": "/usr/bin:/bin", **environment}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


# --- the packages ---------------------------------------------------------------------------------------------------


def test_every_top_level_package_is_shipped_linted_and_typed():
    on_disk = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    tools = PYPROJECT["tool"]
    assert on_disk == set(SHIPPED) == set(tools["importlinter"]["root_packages"]) == set(tools["mypy"]["packages"])
    assert all((ROOT / name / "py.typed").exists() for name in SHIPPED)


def test_no_other_distribution_claims_our_names():
    owners = packages_distributions()
    assert not {name: owners[name] for name in SHIPPED if set(owners.get(name, ())) - {"lifang"}}


def test_imports_point_one_way():
    run(Path(sys.executable).with_name("lint-imports"), PYTHONPATH=str(ROOT))


def test_importing_the_core_loads_neither_web_nor_panel_nor_ifc():
    loaded = run(
        sys.executable, "-c", "import sys, twin.store, twin.declaration; print(*sys.modules)", PYTHONPATH=str(ROOT)
    )
    assert not {"fastapi", "panel", "ifcopenshell", "geopandas", "rasterio"} & set(loaded.stdout.split())


def test_the_top_level_holds_exactly_these_names():
    pages = {"README.md", "README.zh.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", "Makefile", "pyproject.toml"}
    names = {Path(name).parts[0] for name in tracked()}
    assert {name for name in names if not name.startswith(".")} == {*SHIPPED, "tests", "docs", *pages}


# --- the wheel ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder)
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_holds_every_file_of_the_packages_and_nothing_else(wheel):
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert inside == set(tracked(*SHIPPED))


def test_the_wheel_runs_from_another_folder(wheel, tmp_path):
    bin_dir = tmp_path / "venv" / "bin"
    run(sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv")
    pip = (sys.executable, "-m", "pip", "--python", bin_dir / "python", "install", "--quiet")
    run(*pip, "--no-index", "--no-deps", "--disable-pip-version-check", wheel)
    # The dependencies are borrowed from the environment the tests run in; .pth files there are not read.
    borrowed = {"PYTHONPATH": get_path("purelib"), "PYTHONSAFEPATH": "1"}
    where = run(bin_dir / "python", "-c", "import api; print(api.__file__)", cwd=tmp_path, **borrowed).stdout
    assert Path(where.strip()).is_relative_to(tmp_path)
    assert "serve" in run(bin_dir / "lifang", "--help", cwd=tmp_path, **borrowed).stdout


# --- what is installed ----------------------------------------------------------------------------------------------


def pins(name: str) -> Iterator[re.Match[str]]:
    lines = text_of(f".ci/{name}").replace(" \\\n    ", " ").splitlines()
    for line in lines:
        pin = PIN.fullmatch(line)
        assert pin, f".ci/{name}: not a pinned name with hashes: {line[:100]}"
        yield pin


@pytest.mark.parametrize("name", PIN_FILES)
def test_requirement_files_hold_only_names_versions_and_hashes(name):
    assert sum(1 for _ in pins(name)) > 0


def direct(*groups: list[str]) -> list[Requirement]:
    return [Requirement(line) for group in groups for line in group]


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("bootstrap.txt", direct(PYPROJECT["build-system"]["requires"])),
        ("requirements.txt", direct(PYPROJECT["project"]["dependencies"])),
        (
            "requirements-dev.txt",
            direct(PYPROJECT["project"]["dependencies"], PYPROJECT["project"]["optional-dependencies"]["dev"]),
        ),
    ],
)
def test_what_pyproject_asks_for_is_pinned_to_a_version_that_fits(name, wanted):
    pinned = {
        pin["name"]: pin["version"] for pin in pins(name) if not pin["marker"] or Marker(pin["marker"]).evaluate()
    }
    unmet = [
        str(need)
        for need in wanted
        if canonicalize_name(need.name) not in pinned or pinned[canonicalize_name(need.name)] not in need.specifier
    ]
    assert not unmet, f"run make lock: {unmet}"


def test_the_development_pins_are_the_running_ones_and_more():
    def exact(name: str) -> set[tuple[str, str]]:
        return {(pin["name"], pin["version"]) for pin in pins(name)}

    assert exact("requirements.txt") < exact("requirements-dev.txt")


# --- what must not be written ---------------------------------------------------------------------------------------

REGISTRIES = r"(?:pypi|pythonhosted|npmjs|tuna\.tsinghua|mirrors\.aliyun|debian)\.(?:org|com|net|edu\.cn)"
OUTSIDE = r"unpkg\.com|jsdelivr|cdnjs|esm\.sh|fonts\.(?:googleapis|gstatic)|mapbox\.com|cartocdn|tile\.openstreetmap"
MACHINE = r"(?<![\w.~-])/(?:work|root|home/\w+|Users/\w+)/"
# A page that asks another host for a script, style, picture or font.
FETCHED = r"""(?:src|href)=["'](?:https?:)?//|url\(["']?(?:https?:)?//|(?:import|from)\s*\(?["'](?:https?:)?//|fetch\(["'`]https?://"""


@pytest.mark.parametrize(
    ("kind", "pattern", "suffixes"),
    [
        ("package registry", REGISTRIES, ()),
        ("outside host", OUTSIDE, ()),
        ("path of one machine", MACHINE, ()),
        ("fetch from another host", FETCHED, (".js", ".mjs", ".html", ".css")),
    ],
)
def test_no_file_names_a_host_or_machine(kind, pattern, suffixes):
    names = [name for name in tracked() if name != "tests/test_house.py" and name.endswith(suffixes or "")]
    found = [f"{name}: {hit[0]}" for name in names for hit in re.finditer(pattern, text_of(name))]
    assert not found, kind


# --- what is documented ---------------------------------------------------------------------------------------------


def test_every_setting_is_documented_and_every_documented_setting_exists():
    from api.settings import Settings

    fields = Settings.model_fields
    documented = set(re.findall(r"^\| `LIFANG_([A-Z0-9_]+)`", text_of("docs/configuration.md"), re.MULTILINE))
    assert documented == {name.upper() for name in fields}


def test_an_error_code_means_one_kind_of_error():
    kinds = defaultdict(set)
    for code, status in re.findall(r"^\| `([a-z0-9_.]+)` \| (\d+) ", text_of("docs/errors.md"), re.MULTILINE):
        kinds[code].add(status)
    assert kinds
    assert not {code: sorted(found) for code, found in kinds.items() if len(found) > 1}


def test_the_table_of_error_codes_is_current():
    listed = run(sys.executable, ".ci/error_codes.py").stdout
    assert listed == text_of("docs/errors.md"), "run make docs"


def test_links_between_pages_lead_somewhere():
    broken = []
    for name in tracked("docs", "README.md", "README.zh.md", "CONTRIBUTING.md", "CHANGELOG.md"):
        if name.endswith(".md"):
            links = re.findall(r"\]\((?!\w+:)([^)#]+)(?:#[^)]*)?\)", text_of(name))
            broken += [f"{name}: {link}" for link in links if not (ROOT / name).parent.joinpath(link).exists()]
    assert not broken


def test_the_documentation_builds_and_asks_no_other_host(tmp_path):
    run(
        Path(sys.executable).with_name("mkdocs"),
        "build",
        "--strict",
        "--config-file",
        ".ci/mkdocs.yml",
        "--site-dir",
        tmp_path,
    )
    fetched = r"""<(?:script|img|iframe)\b[^>]*\bsrc=["'](?:https?:)?//|<link\b[^>]*\bhref=["'](?:https?:)?//|url\(["']?(?:https?:)?//"""
    pages = [path for path in tmp_path.rglob("*") if path.suffix in {".html", ".css"}]
    assert (tmp_path / "index.html") in pages
    assert not [f"{page.name}: {hit[0]}" for page in pages for hit in re.finditer(fetched, page.read_text("utf-8"))]
