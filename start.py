"""Set up the course in .venv, then run one of its commands.

    python3 start.py lab     copy the workbooks to my_work and open JupyterLab there
    python3 start.py test    run every test
    python3 start.py         list all commands

Only the standard library, and only syntax that Python 2.7 can read: whoever starts it with an old
Python is told so instead of being shown a SyntaxError.
"""

import os
import sys

if __name__ == "__main__":  # one may stand among students' files: nothing is taken from there
    beside, here = os.path.dirname(os.path.realpath(__file__)), os.getcwd()
    parts = os.environ.get("PYTHONPATH", "").split(os.pathsep)  # an empty part is where one stands
    there = [""] + [os.path.abspath(part) for part in parts if not os.path.isabs(part)] + [here]
    sys.path[:] = [place for place in sys.path if place not in there or here == beside]
    os.environ["PYTHONPATH"] = os.pathsep.join([part for part in parts if os.path.isabs(part)])

import glob
import hashlib
import re
import shutil
import subprocess

HERE = os.path.dirname(os.path.realpath(__file__))  # through a link it is the same installation
VENV = os.path.join(HERE, ".venv")
PYTHON = os.path.join(VENV, "Scripts", "python.exe")
if os.name != "nt":
    PYTHON = os.path.join(VENV, "bin", "python")
STATE = os.path.join(VENV, "course.txt")  # "unfinished", or a fingerprint and what is installed

NETWORK = "The network is missing, or the package index does not answer. Connect to it (behind a "
NETWORK += "proxy, set HTTPS_PROXY)"
CAUSES = [  # what pip, venv or the system said, and what that means for the student
    (
        r"No space left on device|Errno 28|WinError 112|[Qq]uota exceeded",
        "The disk is full. The course needs 2 GB beside start.py, several more with CUDA, and room "
        "in the temporary folder (TMPDIR names another one). Free some space",
    ),
    (
        r"ensurepip is not available|No module named '?(venv|ensurepip)",
        "This Python cannot make virtual environments. On Debian and Ubuntu, "
        "`sudo apt install python3-venv` adds what is missing. Do that",
    ),
    (
        r"Failed to establish a new connection|getaddrinfo|[Nn]ame resolution|[Nn]etwork is unreach"
        r"|Connection refused|[Cc]onnection broken|Connection reset|timed out|ProxyError"
        r"|No matching distribution found for flit_core",
        NETWORK,
    ),
    (
        r"No matching distribution found for torch",
        "There is no PyTorch for this computer and this Python. Use Python 3.11 to 3.14 in 64 bits "
        "(on a Mac, with Apple silicon), remove the folder .venv",
    ),
    (
        r"Permission denied|Errno 13|WinError 5\b|WinError 32|Read-only file system",
        "A file of the course may not be written. Close what uses it, or move the course to a "
        "folder of your own",
    ),
]


class SetupError(Exception):
    """What went wrong and what to do about it, in the student's words."""


def main(argv):
    """Install what the command needs, then hand over to ``python -m course_utils``."""
    if sys.version_info < (3, 11):
        raise SetupError(
            "The course needs Python 3.11 or newer, and this is Python {}.{}. Get a newer one from "
            "https://www.python.org/downloads/ and start with that one, for example\n"
            "    python3.12 start.py lab".format(*sys.version_info)
        )
    sys.path.insert(0, HERE)  # where start.py is a link, Python may look beside the link
    from course_utils.__main__ import COMMANDS, unknown_command, usage

    if not argv or argv[0] in ("-h", "--help"):
        print(usage("python3 start.py"))
        return 0
    if argv[0] not in COMMANDS:
        raise SetupError(unknown_command(argv[0], "python3 start.py"))
    install(COMMANDS[argv[0]].extra)
    # -P: modules are not sought where one stands, which may be among students' files
    return hand_over([PYTHON, "-P", "-m", "course_utils"] + argv)


def install(extra):
    """Bring .venv up to date with pyproject.toml and constraints.txt; at once if it is."""
    fingerprint = hashlib.sha256(HERE.encode())  # a course that was moved is installed again
    for name in ("pyproject.toml", "constraints.txt"):
        with open(os.path.join(HERE, name), "rb") as file:
            fingerprint.update(file.read())
    before = read_state()
    there = before if before[:1] == [fingerprint.hexdigest()] else [fingerprint.hexdigest(), "lab"]
    if before == there and os.path.exists(PYTHON) and (not extra or extra in there):
        return
    if before == ["unfinished"] or not has_pip():
        print("Making .venv ...")
        run([sys.executable, "-m", "venv", "--clear", VENV], quiet=True)
        before = ["unfinished"]
    save_gigabytes()
    print("Installing the course. The first time takes minutes.")
    if run_pip(extra, before):
        write_state(there + [extra] * (bool(extra) and extra not in there))


def run_pip(extra, before):
    """Install; return False where only the network is missing and .venv will do as it is."""
    usable = before != ["unfinished"] and is_installed(extra)
    if before:  # a .venv made by hand is never cleared
        write_state(["unfinished"])
    pip = [PYTHON, "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    pip += ["--retries=1"] * usable  # who can start anyway does not wait long
    try:
        run(pip + ["-c", "constraints.txt", "-e", ".[{}]".format(extra) if extra else "."])
    except SetupError as stop:
        if NETWORK not in str(stop):
            raise
        write_state(before)  # pip touches nothing before it has everything
        if not usable:
            raise
        print("Without a network the course stays as it was installed last, and starts with that.")
        return False
    return True


def is_installed(extra):
    """Tell whether .venv runs this course and has all packages it names, in whatever version."""
    import tomllib  # here: an old Python does not have it

    with open(os.path.join(HERE, "pyproject.toml"), "rb") as file:
        names = list_packages(tomllib.load(file)["project"], extra)
    code = "import course_utils, sys; from importlib.metadata import version\n"
    code += "for name in sys.argv[1:]: version(name)\n"
    code += "print(course_utils.__file__)"
    try:
        where = subprocess.check_output(
            [PYTHON, "-I", "-c", code] + names, stderr=subprocess.DEVNULL, encoding="utf-8"
        )
    except (OSError, subprocess.CalledProcessError):
        return False
    return os.path.realpath(where.strip()).startswith(HERE + os.sep)


def list_packages(project, extra):
    """List the packages of pyproject.toml's dependencies and of one extra, "" for none."""
    names = []
    for line in project["dependencies"] + project["optional-dependencies"].get(extra, []):
        name, extras = re.match(r"([\w.-]+)(?:\[([\w,-]+)\])?", line).groups()
        if name == project["name"]:  # an extra that takes in others
            for other in extras.split(","):
                names += list_packages(project, other)
        elif ";" not in line:  # a marker: not for every machine
            names.append(name)
    return names


def read_state():
    """Return the words of the state file, or none where there is none."""
    if not os.path.exists(STATE):
        return []
    with open(STATE) as file:
        return file.read().split()


def write_state(words):
    """Write the state file."""
    with open(STATE, "w") as file:
        file.write(" ".join(words))


def has_pip():
    """Tell whether .venv is there and whole enough to install into."""
    if not os.path.exists(PYTHON):
        return False
    return subprocess.call([PYTHON, "-I", "-c", "import pip"], stderr=subprocess.DEVNULL) == 0


def save_gigabytes():
    """On Linux without an NVIDIA card, say how to leave out CUDA."""
    card = os.path.exists("/proc/driver/nvidia") or shutil.which("nvidia-smi")
    chosen = {"PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"} & set(os.environ)
    present = glob.glob(os.path.join(VENV, "lib", "python*", "site-packages", "torch"))
    if sys.platform.startswith("linux") and not (card or chosen or present):
        print(
            "There is no NVIDIA card here, so about 4 GB of CUDA libraries are of no use. To leave "
            "them out, stop this with Ctrl+C and run\n"
            "    PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu python3 start.py "
            + " ".join(sys.argv[1:])
        )


def run(command, quiet=False):
    """Run a command here; if it fails, raise SetupError with the cause."""
    sys.stdout.flush()
    streams = {"stderr": subprocess.PIPE}
    if quiet:
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    done = subprocess.run(command, cwd=HERE, encoding="utf-8", errors="replace", **streams)
    if done.returncode:
        raise SetupError(explain(done.stdout or done.stderr))


def explain(text):
    """Turn what pip, venv or the system said into one message for the student."""
    if shutil.disk_usage(HERE).free < 50e6:  # venv does not always say so
        text = "No space left on device"
    for pattern, message in CAUSES:
        if re.search(pattern, text):
            return message + ", then run the same command again."
    said = [line for line in text.splitlines() if line.strip()][-8:]
    return "\n".join(
        ["The installation failed. Running the same command again may mend it. It said:"] + said
    )


def hand_over(command):
    """Become the command where that is possible, else wait for it; return its exit code."""
    sys.stdout.flush()
    if os.name == "posix":
        os.execv(command[0], command)
    return wait_for(command)


def wait_for(command):
    """Run a command, leaving Ctrl+C to it; return its exit code."""
    process = subprocess.Popen(command)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:  # it was for the command, which decides when to end
            pass


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except SetupError as stop:
        sys.stderr.write("\n{}\n".format(stop))
    except (OSError, IOError) as error:
        sys.stderr.write("\n{}\n".format(explain(str(error))))
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped. Run the same command again to go on.\n")
    sys.exit(2)
