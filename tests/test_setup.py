"""The files around the course: pins, lock files, continuous integration, README, package."""

import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from types import SimpleNamespace

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version
from traitlets.config import Config

import course_utils

PIN = re.compile(r"==\s*([0-9][\w.+]*)")


@pytest.fixture(scope="module")
def project(root) -> dict:
    """Return pyproject.toml."""
    return tomllib.loads((root / "pyproject.toml").read_text("utf-8"))


@pytest.fixture(scope="module")
def constraints(root) -> dict[str, Version]:
    """Return the versions in constraints.txt by package."""
    lines = (root / "constraints.txt").read_text("utf-8").splitlines()
    pins = [Requirement(line) for line in lines if not line.startswith("#")]
    return {canonicalize_name(p.name): Version(PIN.fullmatch(str(p.specifier))[1]) for p in pins}


def requirements(project) -> list[Requirement]:
    """List the dependencies and those of every extra; an extra that takes in another is not one."""
    extras = project["project"]["optional-dependencies"].values()
    every = [Requirement(r) for r in sum(extras, project["project"]["dependencies"])]
    return [requirement for requirement in every if requirement.name != project["project"]["name"]]


# ------------------------------------------------------------------------------------------- pins


def test_dependencies_are_pinned_with_reason(root, project):
    text = (root / "pyproject.toml").read_text("utf-8")
    for requirement in requirements(project):
        assert PIN.fullmatch(str(requirement.specifier)), requirement
        assert re.search(rf'"{re.escape(str(requirement))}",\s+# \w', text), f"{requirement}: why?"


def test_constraints_match_pyproject(project, constraints):
    for requirement in requirements(project):
        pinned = constraints[canonicalize_name(requirement.name)]
        assert requirement.specifier == SpecifierSet(f"=={pinned}"), requirement


def test_constraints_cover_installed_requirements(constraints):
    """Walk the requirements of what is installed here; none may be left to chance."""
    pending, visited = [("course-utils", frozenset({"test"}))], set()
    while pending:
        name, extras = pending.pop()
        if (name, extras) in visited:
            continue
        visited.add((name, extras))
        if name not in ("course-utils", "setuptools"):  # pip freezes setuptools not
            assert name in constraints
        for line in metadata.requires(name) or []:
            needed = Requirement(line)
            environments = [{"extra": extra} for extra in extras or {""}]
            if not needed.marker or any(map(needed.marker.evaluate, environments)):
                pending.append((canonicalize_name(needed.name), frozenset(needed.extras)))
    assert len(visited) > 80


def test_constraints_name_no_local_build(root, constraints):
    text = (root / "constraints.txt").read_text("utf-8")
    assert "://" not in text
    assert " @ " not in text
    assert not [name for name, version in constraints.items() if version.local]


def test_environment_yml_has_no_pin(root):
    environment = yaml.safe_load((root / "environment.yml").read_text("utf-8"))
    python, pip, packages = environment["dependencies"]
    assert python.startswith("python >=3.11")
    assert pip == "pip"
    cpu = "--extra-index-url https://download.pytorch.org/whl/cpu"  # CUDA takes 4 GB more
    assert packages == {"pip": [cpu, "-e ."]}


def test_lock_file_matches_package_json(root):
    wanted = json.loads((root / "package.json").read_text("utf-8"))["dependencies"]
    text = (root / "package-lock.json").read_text("utf-8")
    packages = json.loads(text)["packages"]
    assert packages[""]["dependencies"] == wanted
    for name, version in wanted.items():
        assert packages[f"node_modules/{name}"]["version"] == version
    for name, package in packages.items():
        assert "resolved" not in package, name
        assert not name or "integrity" in package, name


def test_browser_scripts_are_installed(root):
    for name, version in json.loads((root / "package.json").read_text("utf-8"))[
        "dependencies"
    ].items():
        installed = root / "node_modules" / name / "package.json"
        assert installed.exists(), "run `python3 start.py test` once"
        assert json.loads(installed.read_text("utf-8"))["version"] == version


def test_wheel_holds_every_package_file(root, tmp_path):
    """Colab installs a wheel, not the checkout."""
    source = tmp_path / "source"
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(root / "course_utils", source / "course_utils", ignore=ignore)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(root / name, source)
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation"),
            *("--no-index", "--wheel-dir", tmp_path, source),
        ],
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    files = (path for path in (source / "course_utils").rglob("*") if path.is_file())
    assert inside == {path.relative_to(source).as_posix() for path in files}


def test_import_does_no_work(root):
    """Count what `import course_utils` imports, opens and starts: one module, and only its file."""
    code = (
        "import sys\n"
        "events, modules = [], set(sys.modules)\n"
        "sys.addaudithook(lambda event, args: events.append((event, *map(str, args))))\n"
        "import course_utils\n"
        "kinds = ('open', 'socket.__new__', 'subprocess.Popen', 'ctypes.dlopen')\n"
        "print(sorted(set(sys.modules) - modules), '|', *[e[1] for e in events if e[0] in kinds])\n"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=True,
    )
    modules, opened = done.stdout.split("|")
    assert modules.strip() == "['course_utils']"
    for path in opened.split():
        assert re.search(r"course_utils.(__pycache__.)?__init__\.", path), path


# ------------------------------------------------------------------------- continuous integration


def test_ci_workflow_covers_three_systems_weekly(root, project):
    workflow = yaml.safe_load((root / ".github/workflows/ci.yml").read_text("utf-8"))
    when = workflow[True]  # YAML reads the key `on` as true
    assert {"push", "pull_request", "schedule"} <= set(when)
    assert re.fullmatch(r"\d+ \d+ \* \* \d", when["schedule"][0]["cron"])
    job = workflow["jobs"]["test"]
    matrix = job["strategy"]["matrix"]
    assert {name.split("-")[0] for name in matrix["os"]} == {"ubuntu", "macos", "windows"}
    oldest, newest = matrix["python"]
    assert project["project"]["requires-python"] == f">={oldest}"
    assert Version(newest) > Version(oldest)
    steps = " ".join(step.get("run", "") for step in job["steps"])
    assert "start.py test" in steps
    assert "start.py lab --no-browser" in steps


def test_site_workflow_publishes_what_it_builds(root):
    workflow = yaml.safe_load((root / ".github/workflows/site.yml").read_text("utf-8"))
    build, publish = workflow["jobs"]["build"], workflow["jobs"]["publish"]
    (command,) = [step["run"] for step in build["steps"] if "run" in step]
    upload = build["steps"][-1]
    assert command == f"python start.py site --out {upload['with']['path']}"
    assert upload["uses"].startswith("actions/upload-pages-artifact@")
    assert publish["needs"] == "build"
    assert publish["steps"][-1]["uses"].startswith("actions/deploy-pages@")
    assert publish["permissions"] == {"pages": "write", "id-token": "write"}
    assert workflow["permissions"] == {"contents": "read"}  # the build may publish nothing


@pytest.mark.parametrize(
    ("schema", "name"),
    [
        ("vendor.github-workflows", ".github/workflows/ci.yml"),
        ("vendor.github-workflows", ".github/workflows/site.yml"),
        ("vendor.citation-file-format", "CITATION.cff"),
    ],
)
def test_file_fits_its_schema(root, schema, name):
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, root / name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_devcontainer_installs_cpu_torch_from_constraints(root, project):
    text = (root / ".devcontainer/devcontainer.json").read_text("utf-8")
    container = json.loads(text)
    assert "==" not in text  # the versions are in pyproject.toml
    python = container["image"].rpartition(":")[2]
    assert f"Programming Language :: Python :: {python}" in project["project"]["classifiers"]
    assert (
        container["containerEnv"]["PIP_EXTRA_INDEX_URL"] == project["tool"]["uv"]["index"][0]["url"]
    )
    assert container["postCreateCommand"] == "python -m pip install -c constraints.txt -e ."
    assert container["forwardPorts"] == [8888]


def test_classifiers_name_what_ci_tests(root, project):
    workflow = yaml.safe_load((root / ".github/workflows/ci.yml").read_text("utf-8"))
    prefix = "Programming Language :: Python :: 3."
    classifiers = project["project"]["classifiers"]
    minors = [int(name.removeprefix(prefix)) for name in classifiers if name.startswith(prefix)]
    oldest, newest = (
        int(v.split(".")[1]) for v in workflow["jobs"]["test"]["strategy"]["matrix"]["python"]
    )
    assert minors == list(range(oldest, newest + 1))


def test_weekly_job_varies_order_and_arithmetic(root):
    job = yaml.safe_load((root / ".github/workflows/ci.yml").read_text("utf-8"))["jobs"]["weekly"]
    assert job["if"] == "github.event_name == 'schedule'"
    runs = job["strategy"]["matrix"]["include"]
    commands = " ".join(run.get("command", "") for run in runs)
    for wanted in ("test -m weekly", "seq 10); do python start.py test --quick", "while :"):
        assert wanted in commands
    assert '-m "training or not weekly"' in job["steps"][-1]["run"]  # under each arithmetic
    variables = {run["environment"].split("=")[0] for run in runs if "environment" in run}
    assert variables == {
        "ATEN_CPU_CAPABILITY",
        "MKL_CBWR",
        "ONEDNN_MAX_CPU_ISA",
        "OPENBLAS_CORETYPE",
    }


@pytest.mark.skipif(os.name == "nt", reason=".ci/run is for Linux and macOS")
@pytest.mark.parametrize("offered", [True, False])
def test_ci_run_installs_system_packages_first(root, tmp_path, offered):
    folder, commands, log = tmp_path / "course", tmp_path / "bin", tmp_path / "log"
    packages = ("chromium-headless-shell", "fonts-dejavu-core", "chromium", "bubblewrap")
    (folder / ".ci").mkdir(parents=True)
    commands.mkdir()
    shutil.copy(root / ".ci" / "run", folder / ".ci")
    for name in ("bash", "dirname"):
        (commands / name).symlink_to(shutil.which(name))
    refuse = "" if offered else '[ "$1" != install ]'
    for name, more in [("apt-get", refuse), ("python3", "exit 7"), ("id", "echo 0")]:
        stub = commands / name
        stub.write_text(f"#!{shutil.which('bash')}\necho {name} $* >> {log}\n{more}\n")
        stub.chmod(0o755)
    done = subprocess.run(
        [folder / ".ci" / "run", "-k", "x"], env={"PATH": str(commands)}, check=False
    )
    assert done.returncode == 7  # the tests' own exit code
    lines = [line for line in log.read_text().splitlines() if not line.startswith("id")]
    assert lines[0] == "apt-get update"
    for line, package in zip(lines[1:-1], packages, strict=True):
        assert re.fullmatch(f"apt-get install -y .* {package}", line)
    assert lines[-1] == "python3 start.py test -k x"

    (commands / "bwrap").symlink_to("/bin/true")
    for browser in ("chromium-headless-shell", "chromium"):  # one is enough
        log.unlink()
        (commands / browser).symlink_to("/bin/true")
        subprocess.run([folder / ".ci" / "run"], env={"PATH": str(commands)}, check=False)
        assert log.read_text().splitlines() == ["python3 start.py test"]
        (commands / browser).unlink()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no mode bits")
def test_ci_scripts_are_executable(root):
    for path in (root / ".ci").iterdir():
        assert path.stat().st_mode & stat.S_IXUSR, path
        assert path.read_text("utf-8").startswith("#!/usr/bin/env bash\n")
        assert "\nset -euo pipefail\n" in path.read_text("utf-8")


def test_commit_hooks_run_installed_tools(root):
    config = yaml.safe_load((root / ".pre-commit-config.yaml").read_text("utf-8"))
    hooks = {hook["id"]: hook for repository in config["repos"] for hook in repository["hooks"]}
    assert set(hooks) == {"tidy", "ruff-check", "ruff-format"}
    for hook in hooks.values():
        command = [sys.executable, *hook["entry"].split()[1:], "--help"]
        subprocess.run(command, check=True, capture_output=True)


@pytest.mark.parametrize("command", [["check"], ["format", "--check"]])
def test_ruff_finds_nothing(root, command):
    done = subprocess.run(
        [sys.executable, "-m", "ruff", *command, "--output-format=concise", "."],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


# ------------------------------------------------------------------------------- what people read


def test_readme_leads_with_commands(root):
    text = (root / "README.md").read_text("utf-8")
    assert len(text.split()) <= 350
    lab, test = text.index("python3 start.py lab"), text.index("python3 start.py test")
    others = [text.index(word) for word in ("Windows", "**conda**", "**Binder**", "**Colab**")]
    assert lab < test < min(others)
    assert re.search(r"start.py lab +# .*minutes.*GB", text)
    assert re.search(r"start.py test +# .*minutes.*GB", text)
    assert "![" in text


PAGES = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "docs/tutors.md"]


@pytest.mark.parametrize("name", PAGES)
def test_links_resolve(root, name):
    links = re.findall(r"\]\(([^)#]+)", (root / name).read_text("utf-8"))
    assert links
    for link in links:
        assert link.startswith("https://") or (root / name).parent.joinpath(link).exists(), link


def test_hub_configuration_of_the_guide_runs(root):
    """What benchmarks/hub adds to it names settings that it makes."""
    guide = (root / "docs" / "tutors.md").read_text("utf-8")
    (block,) = re.findall(r"```python\n(c\..*?)```", guide, re.DOTALL)
    settings = Config()
    exec(block, {"c": settings})
    place = settings.Spawner.environment["COURSE_PROGRESS"]
    assert place(SimpleNamespace(user=SimpleNamespace(name="ada"))) == "/home/ada/progress.json"
    assert settings.Spawner.args


@pytest.mark.parametrize(
    "name", ["README.md", "docs/tutors.md", "CITATION.cff", "CHANGELOG.md", "SECURITY.md"]
)
def test_repository_address_is_that_of_pyproject(root, project, name):
    """One line of pyproject.toml holds the address; whoever changes it is told where it stands."""
    address = project["project"]["urls"]["repository"]
    repository = re.fullmatch(r"https://github\.com/([\w.-]+/[\w.-]+)", address)[1]
    hosts = r"(?:github\.com|mybinder\.org/v2/gh|codespaces\.new)"
    written = re.findall(rf"{hosts}/([\w.-]+/[\w.-]+)", (root / name).read_text("utf-8"))
    assert written, f"{name} does not name the repository"
    assert set(written) == {repository}, f"write {repository} into {name}"


@pytest.fixture(scope="module")
def citation(root) -> dict:
    """Return CITATION.cff."""
    return yaml.safe_load((root / "CITATION.cff").read_text("utf-8"))


def test_citation_agrees_with_the_project(root, project, citation):
    title = (root / "README.md").read_text("utf-8").splitlines()[0]
    assert title == f"# {citation['title']}"
    assert citation["authors"] == project["project"]["authors"]
    assert " AND ".join(citation["license"]) == project["project"]["license"]
    assert citation["keywords"] == project["project"]["keywords"]


def test_changelog_begins_with_this_version(root, citation):
    text = (root / "CHANGELOG.md").read_text("utf-8")
    unreleased, (version, date), *older = re.findall(r"^## \[(.+?)\](?: - (.+))?$", text, re.M)
    assert unreleased == ("Unreleased", "")
    assert version == course_utils.__version__ == citation["version"]
    assert date == citation["date-released"].isoformat()
    versions = [(Version(version), date)] + [(Version(v), d) for v, d in older]
    assert versions == sorted(versions, reverse=True)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d", day) for _, day in versions)


def test_changelog_keeps_its_form(root):
    text = (root / "CHANGELOG.md").read_text("utf-8")
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert set(re.findall(r"^### (.+)$", text, re.M)) <= kinds
    headings = re.findall(r"^## \[(.+?)\]", text, re.M)
    assert re.findall(r"^\[(.+?)\]: https://", text, re.M) == headings  # every one is a link


def test_security_page_says_how_to_report(root):
    text = (root / "SECURITY.md").read_text("utf-8")
    for words in ("does not promise", "--unsafe", "security/advisories/new", "bubblewrap"):
        assert words in text, words


def test_license_names_both_licenses(root, project):
    text = (root / "LICENSE").read_text("utf-8")
    for words in ("MIT License", "CC BY 4.0", "CC-BY-4.0"):
        assert words in text
    assert project["project"]["license"] == "MIT AND CC-BY-4.0"


def test_generated_files_are_ignored(root):
    """What start.py, the tests and students make is ignored, but for the data folder's README."""
    paths = [".venv/x", "my_work/00.ipynb", "build/x", "node_modules/x", "data/cifar10.npz"]
    for name in paths:
        command = ["git", "check-ignore", "--no-index", "--quiet", name]
        assert subprocess.run(command, cwd=root, check=False).returncode == 0, name
    command = ["git", "check-ignore", "--no-index", "--quiet", "data/README.md"]
    assert subprocess.run(command, cwd=root, check=False).returncode == 1
