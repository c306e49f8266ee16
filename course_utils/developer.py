"""What a developer runs: `test` runs every test, `bench` the benchmarks."""

import argparse
import importlib.util
import subprocess
import sys

from course_utils.publishing.browser_scripts import fetch_browser_scripts
from course_utils.publishing.lab_driver import find_chromium
from course_utils.workbooks import ROOT

QUICK = "not (bank or browser or executed or marking or training or weekly)"  # tests by their marks


def test(argv: list[str]) -> int:
    """Fetch what the browser tests need, then run pytest with these arguments on two cores.

    With ``--quick`` it leaves out what drives a browser, executes or marks notebooks, or trains,
    and the banks of answers.
    """
    fetch_browser_scripts(tools=True)
    arguments = [argument for argument in argv if argument != "--quick"]
    if "--quick" in argv:
        arguments = ["-m", QUICK, "--ignore=tests/browser", *arguments]
    else:
        find_chromium()
    spread = ["--numprocesses=2", "--dist=loadfile", "--no-loadscope-reorder"]  # see conftest.py
    return subprocess.call([sys.executable, "-m", "pytest", *spread, *arguments], cwd=ROOT)


def bench(argv: list[str]) -> int:
    """Run every script in benchmarks/ that has a ``main``, or the one named first."""
    parser = argparse.ArgumentParser("course_utils bench", description=bench.__doc__)
    scripts = {path.stem: path for path in sorted((ROOT / "benchmarks").glob("*.py"))}
    parser.add_argument("name", nargs="?", choices=list(scripts), help="run this one only")
    chosen = parser.parse_args(argv[:1]).name  # what follows is for the script
    code = 0
    for name in [chosen] if chosen else scripts:
        spec = importlib.util.spec_from_file_location(name, scripts[name])
        assert spec
        assert spec.loader  # a .py file has one
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module  # dataclasses look their module up
        spec.loader.exec_module(module)
        if hasattr(module, "main"):
            print(f"\n{name}\n", flush=True)
            code = module.main(argv[1:]) or code
    return code


def peak_gigabytes() -> float:
    """Most memory that this process has held; 0 where the system does not say."""
    try:
        import resource
    except ImportError:  # Windows
        return 0.0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9
