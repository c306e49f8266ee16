"""`python -m course_utils data`, against a server on this machine with small made-up archives."""

import errno
import gc
import gzip
import hashlib
import io
import os
import pickle
import re
import shutil
import signal
import struct
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from course_utils import datasets
from course_utils.datasets import download, files

pytestmark = pytest.mark.filterwarnings(  # torchvision leaves refused connections unclosed
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
CLASSES = ["airplane", "automobile", "bird"]
RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (6, 20, 3, 32, 32), dtype=np.uint8)  # five batches and the test's
LABELS = RNG.integers(0, 3, (6, 20))
DIGITS = RNG.integers(0, 256, (2, 12, 28, 28), dtype=np.uint8)
DIGIT_LABELS = RNG.integers(0, 10, (2, 12), dtype=np.uint8)


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def cifar_archive() -> tuple[bytes, dict]:
    """Return a small archive in the form of CIFAR-10's, and torchvision's settings for it."""
    members = {
        f"data_batch_{i + 1}" if i < 5 else "test_batch": {
            "data": PIXELS[i].reshape(20, -1),
            "labels": LABELS[i].tolist(),
        }
        for i in range(6)
    }
    members["batches.meta"] = {"label_names": CLASSES}
    packed, sums = io.BytesIO(), {}
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, value in members.items():
            content = pickle.dumps(value)
            sums[name] = md5(content)
            entry = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue(), {
        "tgz_md5": md5(packed.getvalue()),
        "train_list": [[f"data_batch_{i}", sums[f"data_batch_{i}"]] for i in range(1, 6)],
        "test_list": [["test_batch", sums["test_batch"]]],
        "meta": {"filename": "batches.meta", "key": "label_names", "md5": sums["batches.meta"]},
    }


def mnist_archives() -> dict[str, bytes]:
    """Return the four files of a small MNIST, by torchvision's names and in its order."""
    archives = {}
    for part, images, labels in zip(("train", "t10k"), DIGITS, DIGIT_LABELS, strict=True):
        head = struct.pack(">IIII", 0x803, *images.shape)
        archives[f"{part}-images-idx3-ubyte.gz"] = gzip.compress(head + images.tobytes())
        head = struct.pack(">II", 0x801, len(labels))
        archives[f"{part}-labels-idx1-ubyte.gz"] = gzip.compress(head + labels.tobytes())
    return archives


class Server(ThreadingHTTPServer):
    """Serves `content`; `fault` may cut it short, keep it waiting, or refuse with a number."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        archive, self.cifar = cifar_archive()
        self.content = mnist_archives() | {"cifar.tar.gz": archive}
        self.fault: int | str | None = None
        self.go_on = threading.Event()

    @property
    def settings(self) -> dict[str, dict]:
        """What torchvision's classes must say to download from here."""
        address = f"http://127.0.0.1:{self.server_port}/"
        files_of_mnist = [(name, md5(self.content[name])) for name in mnist_archives()]
        return {
            "CIFAR10": {"url": address + "cifar.tar.gz", **self.cifar},
            "MNIST": {"mirrors": [address], "resources": files_of_mnist},
        }


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self):
        body = self.server.content[self.path.strip("/")]
        if isinstance(self.server.fault, int):
            self.send_error(self.server.fault)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            if self.server.fault is None:
                self.wfile.write(body)
            else:
                self.wfile.write(body[: len(body) // 2])
                self.wfile.flush()
                if self.server.fault == "stall":
                    self.server.go_on.wait(240)
        except ConnectionError:  # the client was killed, as it should be
            pass

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        import torchvision

        for kind, values in server.settings.items():
            for name, value in values.items():
                monkeypatch.setattr(getattr(torchvision.datasets, kind), name, value)
        yield server
        server.go_on.set()
        server.shutdown()
        thread.join()
    gc.collect()  # unclosed connections are found here, not in some later test


@pytest.fixture
def folder(monkeypatch, tmp_path) -> Path:
    folder = tmp_path / "sets"
    monkeypatch.setenv("COURSE_DATA", str(folder))
    return folder


def held(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@contextmanager
def started(
    server: Server, *names: str, before: str = "", prefix: tuple = ()
) -> Iterator[subprocess.Popen]:
    """The command in a process of its own, told to download from `server`."""
    code = (
        "import sys; from course_utils.datasets import download; import torchvision\n"
        f"for kind, values in {server.settings!r}.items():\n"
        "    for name, value in values.items():\n"
        "        setattr(getattr(torchvision.datasets, kind), name, value)\n"
        f"{before}\nsys.exit(download.main({list(names)!r}))"
    )
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([*prefix, sys.executable, "-c", code], **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for(condition: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.05)


def test_cifar10_downloads_and_loads(server, folder, capsys):
    assert download.main(["cifar10"]) == 0
    output = capsys.readouterr()
    assert "cifar10: 100 training and 20 test images of 3×32×32, 3 classes" in output.out
    assert "%|" in output.err  # the progress bar
    data = datasets.load()  # CIFAR-10 is the default from now on
    assert (data.name, data.classes) == ("cifar10", tuple(CLASSES))
    np.testing.assert_array_equal(data.train_images, PIXELS[:5].reshape(100, 3, 32, 32))
    np.testing.assert_array_equal(data.test_images, PIXELS[5])
    np.testing.assert_array_equal(data.train_labels, LABELS[:5].reshape(100))
    np.testing.assert_array_equal(data.test_labels, LABELS[5])
    assert held(folder) == ["cifar10.npz"]


def test_mnist_downloads_and_loads(server, folder):
    assert download.main(["mnist"]) == 0
    data = datasets.load("mnist")
    np.testing.assert_array_equal(data.train_images, DIGITS[0][:, None])
    np.testing.assert_array_equal(data.test_images, DIGITS[1][:, None])
    np.testing.assert_array_equal(data.train_labels, DIGIT_LABELS[0])
    np.testing.assert_array_equal(data.test_labels, DIGIT_LABELS[1])
    assert data.classes == tuple("0123456789")


def test_existing_file_is_kept(server, folder, capsys):
    download.main(["mnist"])
    before = (folder / "mnist.npz").stat()
    server.fault = 500
    assert download.main(["mnist"]) == 0
    assert "Already in" in capsys.readouterr().out
    after = (folder / "mnist.npz").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_damaged_file_is_reported_and_kept(folder, capsys):
    folder.mkdir()
    (folder / "mnist.npz").write_bytes(b"half a file")
    assert download.main(["mnist"]) == 2
    said = capsys.readouterr().err
    assert "damaged" in said
    assert "delete it first" in said
    assert (folder / "mnist.npz").read_bytes() == b"half a file"


@pytest.mark.parametrize("name", ["cifar10", "mnist"])
@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (404, "the server answered '404"),
        (500, "the server answered '500"),
        (503, "the server answered '503"),
        ("cut", "checksum differs"),
        ("stall", "cannot be reached"),
    ],
)
def test_faulty_server_leaves_nothing(server, folder, capsys, monkeypatch, name, fault, says):
    monkeypatch.setattr(download, "TIMEOUT", 0.5)
    server.fault = fault
    assert download.main([name]) == 2
    said = capsys.readouterr().err
    assert f"{name} was not downloaded: " in said
    assert says in said
    assert re.search("again|later", said)
    assert held(folder) == []


@pytest.mark.parametrize("name", ["cifar10", "mnist"])
def test_altered_download_is_refused(server, folder, capsys, name):
    for file, content in server.content.items():
        server.content[file] = content[:-1] + bytes([content[-1] ^ 1])
    assert download.main([name]) == 2
    assert "checksum differs" in capsys.readouterr().err
    assert held(folder) == []


@pytest.mark.parametrize("name", ["cifar10", "mnist"])
def test_missing_network_is_reported(server, folder, capsys, name):
    server.shutdown()
    server.server_close()
    assert download.main([name]) == 2
    assert "the server cannot be reached" in capsys.readouterr().err
    assert held(folder) == []


def test_failed_set_does_not_stop_others(server, folder, capsys):
    server.content["cifar.tar.gz"] = b"not an archive"
    assert download.main(["cifar10", "mnist"]) == 2
    assert "cifar10 was not downloaded" in capsys.readouterr().err
    assert held(folder) == ["mnist.npz"]


def test_killed_download_restarts_cleanly(server, folder):
    server.fault = "stall"
    with started(server, "cifar10"):
        wait_for(lambda: any(path.stat().st_size > 10_000 for path in folder.glob(".*/*.gz")))
    assert not (folder / "cifar10.npz").exists()
    with pytest.raises(datasets.DataError, match="data cifar10"):
        datasets.load("cifar10")
    server.fault = None
    server.go_on.set()
    assert download.main(["cifar10"]) == 0
    assert held(folder) == ["cifar10.npz"]
    assert len(datasets.load("cifar10").train_images) == 100


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals between processes")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_download_leaves_nothing(server, folder, number):
    server.fault = "stall"
    with started(server, "mnist") as process:
        wait_for(lambda: any(folder.glob(".*/**/*.gz")))
        process.send_signal(number)
        _, said = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "mnist was not downloaded" in said
    assert "Traceback" not in said
    assert held(folder) == []


def test_concurrent_download_is_left_alone(server, folder):
    folder.mkdir()
    (folder / f".download-{os.getpid()}-elsewhere").mkdir()
    assert download.main(["mnist"]) == 0
    assert held(folder) == [f".download-{os.getpid()}-elsewhere", "mnist.npz"]


def test_small_disk_is_noticed_first(server, folder, capsys, monkeypatch):
    server.fault = 500  # were it asked, it would say so
    usage = shutil.disk_usage(".")._replace(free=500_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    assert download.main(["cifar10"]) == 2
    assert "the disk is full. Free 560 MB" in capsys.readouterr().err
    assert held(folder) == []


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "the disk is full"),
        (PermissionError(errno.EACCES, "Permission denied"), "may not be written"),
        (OSError(errno.EROFS, "Read-only file system"), "may not be written"),
        (OSError(errno.EIO, "Input/output error"), "Input/output error"),
    ],
)
def test_failing_disk_leaves_nothing(server, folder, capsys, monkeypatch, error, says):
    def half_written(dataset, path):
        path.write_bytes(b"half")
        raise error

    monkeypatch.setattr(files, "write", half_written)
    assert download.main(["mnist"]) == 2
    assert says in capsys.readouterr().err
    assert held(folder) == []


def test_full_disk_leaves_nothing(server, folder):
    folder.mkdir()
    small = (
        f'mount -t tmpfs -o size=600k tmpfs "{folder}" && "$@"; rc=$?; ls -A "{folder}"; exit $rc'
    )
    prefix = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", small, "sh")
    if (
        not shutil.which("unshare")
        or subprocess.run([*prefix, "true"], capture_output=True).returncode
    ):
        pytest.skip("no file system of a chosen size can be mounted here")
    room = "download.ORIGINS['cifar10'] = download.ORIGINS['cifar10']._replace(needed=0)"
    with started(server, "cifar10", before=room, prefix=prefix) as process:
        output, said = process.communicate(timeout=120)
    assert (process.returncode, output) == (2, ""), said
    assert "the disk is full" in said


def test_file_instead_of_folder_is_reported(folder, capsys):
    folder.write_text("not a folder")
    assert download.main(["mnist"]) == 2
    assert "is no folder" in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt" or not os.getuid(), reason="root may write everywhere")
def test_unwritable_folder_is_reported(folder, capsys):
    folder.mkdir(mode=0o500)
    assert download.main(["mnist"]) == 2
    assert "may not be written" in capsys.readouterr().err


def test_unknown_name_raises_before_download(server, folder):
    with pytest.raises(datasets.DataError, match=r"'cifar'\. Did you mean cifar10\?"):
        download.main(["mnist", "cifar"])
    assert not folder.exists()


def test_built_in_sets_need_no_download(folder, capsys):
    assert download.main(["shapes", "digits"]) == 0
    assert capsys.readouterr().out.count("needs no download") == 2


def test_listing_names_size_source_licence(server, folder, capsys):
    download.main(["mnist"])
    (folder / "pets.npz").write_bytes(bytes(2_000_000))
    capsys.readouterr()
    assert download.main([]) == 0
    said = capsys.readouterr().out
    for part in (
        "not on disk; `data cifar10`",
        "CC BY-SA 3.0",
        "pets       on disk, 2 MB",
        "cs.toronto.edu",
    ):
        assert part in said
    assert said.count("always there") == 2
