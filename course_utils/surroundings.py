"""What lies round the course on a student's computer, made fit for JupyterLab and its kernels.

A home folder that cannot be written to, settings of another Jupyter, switches of Python meant for
other programs, a student's own `torch.py`: none of these is to keep a workbook from running.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import MutableMapping
from pathlib import Path

KERNEL_SWITCHES = {  # of a kernel, whatever the shell that starts JupyterLab has set
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",  # else `plt.plot` shows nothing
    "PYTHONWARNINGS": "",  # else a library's warning may stop a lesson
    "PYTHONOPTIMIZE": "",  # else no `assert` of a lesson is checked
}
HOMES = {  # variable: the folder that a program uses without it, below the home folder
    "JUPYTER_DATA_DIR": ".local/share/jupyter",
    "JUPYTER_RUNTIME_DIR": ".local/share/jupyter/runtime",
    "IPYTHONDIR": ".ipython",
    "MPLCONFIGDIR": ".config/matplotlib",
}


def prepare(own: Path, environment: MutableMapping[str, str] = os.environ) -> bool:
    """Point Jupyter, IPython and Matplotlib at folders that can be written to.

    Jupyter's configuration is the course's own, so that another one's (broken, with a password, a
    port or a folder of its own) has no say; the settings a student made in JupyterLab, such as the
    theme, stay in force where they can be kept.

    Parameters
    ----------
    own : folder for what has no other place
    environment : what is changed

    Returns
    -------
    bool
        Whether everything has its usual place.
    """
    home = Path(environment.get("HOME") or Path.home())
    usual = True
    for name, place in HOMES.items():
        if not is_writable(Path(environment.get(name) or home / place)):
            environment[name] = str(own / name.split("_")[0].lower() / Path(place).name)
            usual = False
    if "JUPYTER_CONFIG_DIR" in environment and is_writable(Path(environment["JUPYTER_CONFIG_DIR"])):
        return usual
    settings = home / ".jupyter" / "lab" / "user-settings"
    if "JUPYTERLAB_SETTINGS_DIR" not in environment and is_writable(settings):
        environment["JUPYTERLAB_SETTINGS_DIR"] = str(settings)
    environment["JUPYTER_CONFIG_DIR"] = str(own / "config")
    return usual


def is_writable(folder: Path) -> bool:
    """Whether files can be put into a folder, which is made if needed."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def put_own_folder_last() -> None:
    """Let `import torch` find PyTorch, also where a notebook lies beside a file `torch.py`."""
    here = os.getcwd()
    first = [entry for entry in sys.path if entry in ("", here)]
    sys.path[:] = [entry for entry in sys.path if entry not in ("", here)] + first
