"""Image sets: the form of each, the difficulty of shapes, and every fault a file can have."""

import contextlib
import functools
import io
import math
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from torch import nn

from course_utils import datasets
from course_utils.datasets import DataError, Dataset, files, shapes

REAL = files.data_dir()  # read here, as every test below has a folder of its own
RNG = np.random.default_rng(0)
GOOD = {
    "train_images": RNG.integers(0, 256, (7, 4, 5, 3), dtype=np.uint8),
    "train_labels": np.array([0, 1, 2, 0, 1, 2, 0]),
    "test_images": RNG.integers(0, 256, (3, 4, 5, 3), dtype=np.uint8),
    "test_labels": np.array([2, 1, 0], dtype=np.uint8),
    "classes": np.array(["cat", "dog", "owl"]),
}


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path) -> Path:
    """An empty folder of data sets, whatever the surroundings have."""
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    return tmp_path


def save(path: Path, **changed) -> Path:
    arrays = {key: value for key, value in (GOOD | changed).items() if value is not None}
    np.savez(path, **arrays)
    return path


# Shapes


def test_shapes_have_dataset_form():
    data = datasets.load("shapes")
    assert data.train_images.shape == (5000, 3, 32, 32)
    assert data.test_images.shape == (1000, 3, 32, 32)
    assert data.train_images.dtype == data.test_images.dtype == torch.uint8
    assert data.train_labels.dtype == data.test_labels.dtype == torch.int64
    labels = torch.cat([data.train_labels, data.test_labels])
    assert labels.bincount().tolist() == [600] * 10 == [600] * len(data.classes)


def test_shapes_depend_on_seed_only():
    same, other = shapes.make_shapes(3, 40, 20), shapes.make_shapes(4, 40, 20)
    again = shapes.make_shapes(3, 40, 20)
    assert torch.equal(same.train_images, again.train_images)
    assert torch.equal(same.test_labels, again.test_labels)
    assert not torch.equal(same.train_images, other.train_images)


def test_load_returns_fresh_copies():
    first = datasets.load("shapes")
    before = first.train_images[0].clone()
    first.train_images.zero_()
    first.train_labels.zero_()
    assert torch.equal(datasets.load("shapes").train_images[0], before)
    assert datasets.load("shapes").train_labels.any()


def test_shapes_splits_are_disjoint():
    data = datasets.load("shapes")
    train_images = {image.numpy().tobytes() for image in data.train_images}
    assert len(train_images) == 5000
    assert not train_images & {image.numpy().tobytes() for image in data.test_images}


def test_shapes_vary_within_class():
    for number in range(10):
        labels = np.full(200, number)
        cover = shapes._coverage(labels, shapes._Sampler(np.random.default_rng(0), 200))[:, 0]
        area = cover.sum((1, 2))
        y, x = shapes.ROWS - 15.5, shapes.COLUMNS - 15.5
        middle = [(cover * axis).sum((1, 2)) / area for axis in (y, x)]
        assert area.max() > 1.6 * area.min()
        assert np.std(middle, axis=1).min() > 1.5  # pixels
        pictures = shapes.render(labels, seed=1)
        assert pictures.mean((2, 3)).std(0).min() > 25  # grey levels


def test_shape_colors_vary_and_differ():
    ground, paint = shapes._colors(shapes._Sampler(np.random.default_rng(0), 2000))
    assert min(ground.std(0).min(), paint.std(0).min()) > 0.15
    distance = np.linalg.norm((ground - paint.clip(0, 1))[..., 0, 0], axis=1)
    assert distance.min() > 0.2


def test_color_does_not_reveal_class():
    data = shapes.make_shapes(seed=5)
    features = [
        torch.cat([images.mean((2, 3)), images.std((2, 3))], 1)
        for images in (data.train_images / 255, data.test_images / 255)
    ]
    score = _logistic(features[0], data.train_labels, features[1], data.test_labels, C=10)
    assert score < 0.25


def _logistic(train, labels, test, test_labels, C: float = 1e-3) -> float:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=C, tol=1e-2, max_iter=300)
    return model.fit(train.numpy(), labels).score(test.numpy(), test_labels)


def small_cnn(filters: int = 16) -> nn.Sequential:
    layers = []
    for inputs, outputs in ((3, filters), (filters, 2 * filters), (2 * filters, 4 * filters)):
        layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs)]
        layers += [nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(4 * filters * 16, 10))


def cnn_accuracy(data: Dataset, epochs: int = 4, order: torch.Tensor | None = None) -> float:
    """Train the small CNN, on pixels in another fixed order if `order` is given."""

    def prepared(images: torch.Tensor) -> torch.Tensor:
        images = images.float() / 127.5 - 1
        return images if order is None else images.flatten(2)[:, :, order].view_as(images)

    with torch.random.fork_rng():
        torch.manual_seed(0)
        model, count = small_cnn(), len(data.train_images)
        optimizer = torch.optim.AdamW(model.parameters())
        steps = epochs * math.ceil(count / 64)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=steps)
        for _ in range(epochs):
            for batch in torch.randperm(count).split(64):
                scores = model(prepared(data.train_images[batch]))
                optimizer.zero_grad()
                nn.functional.cross_entropy(scores, data.train_labels[batch]).backward()
                optimizer.step()
                schedule.step()
        with torch.no_grad():
            guesses = model.eval()(prepared(data.test_images)).argmax(1)
    return (guesses == data.test_labels).float().mean().item()


@pytest.mark.weekly
@pytest.mark.training
def test_shapes_are_as_hard_as_promised():
    from sklearn.neighbors import KNeighborsClassifier

    data = datasets.load("shapes")
    train, test = (
        images.flatten(1) / 127.5 - 1 for images in (data.train_images, data.test_images)
    )
    assert _logistic(train, data.train_labels, test, data.test_labels) <= 0.45
    neighbours = KNeighborsClassifier(1, algorithm="brute").fit(train.numpy(), data.train_labels)
    assert neighbours.score(test.numpy(), data.test_labels) <= 0.50
    order = torch.randperm(1024, generator=torch.Generator().manual_seed(0))
    orderly, permuted = cnn_accuracy(data), cnn_accuracy(data, order=order)
    assert orderly >= 0.85
    assert permuted <= orderly - 0.25


# What comes with scikit-learn and Matplotlib


def test_digits_equal_rescaled_scikit_learn():
    from sklearn.datasets import load_digits

    scans, data = load_digits(), datasets.load("digits")
    assert data.train_images.shape == (1000, 1, 8, 8)
    assert data.test_images.shape == (797, 1, 8, 8)
    images = torch.cat([data.train_images, data.test_images])[:, 0].numpy()
    assert images.dtype == np.uint8
    np.testing.assert_array_equal(images, np.round(scans.images / 16 * 255))
    np.testing.assert_array_equal(torch.cat([data.train_labels, data.test_labels]), scans.target)
    assert data.classes == tuple("0123456789")


def test_resize_keeps_dtype_and_mean():
    images = datasets.load("digits").train_images
    large = datasets.resize(images, 28)
    assert large.shape == (1000, 1, 28, 28)
    assert large.dtype == torch.uint8
    assert abs(large.float().mean() - images.float().mean()) < 6
    assert datasets.resize(images, (5, 9)).shape == (1000, 1, 5, 9)
    flat = torch.full((1, 3, 6, 6), 77, dtype=torch.uint8)
    assert datasets.resize(flat, 4).unique().tolist() == [77]


def test_photographs_equal_scikit_learn():
    from sklearn.datasets import load_sample_image

    for name in ("china", "flower"):
        picture = datasets.photograph(name)
        np.testing.assert_array_equal(picture.permute(1, 2, 0), load_sample_image(f"{name}.jpg"))
        assert picture.is_contiguous()


def test_photograph_size_crops_middle():
    whole = datasets.photograph("flower")
    assert torch.equal(datasets.photograph("flower", 427), whole[:, :, 106:533])
    assert torch.equal(datasets.photograph("flower", (320, 640)), whole[:, 53:373])
    assert datasets.photograph("flower", 64).shape == (3, 64, 64)


def test_gray_photograph_is_luminance():
    from PIL import Image

    colour, grey = datasets.photograph(), datasets.photograph(gray=True)
    oracle = np.asarray(Image.fromarray(colour.permute(1, 2, 0).numpy()).convert("L"), dtype=int)
    assert grey.shape == (1, 427, 640)
    assert grey.dtype == torch.uint8
    assert np.abs(grey[0].numpy() - oracle).max() <= 1


def test_unknown_photograph_raises_data_error():
    with pytest.raises(DataError, match=r"no photograph 'chian'.*'china' or 'flower'"):
        datasets.photograph("chian")


def test_mr_slice_is_head_on_dark():
    head = datasets.mr_slice()
    assert (head.shape, head.dtype, head.max().item()) == ((1, 256, 256), torch.uint8, 215)
    assert head[0, 100:156, 100:156].float().mean() > 5 * head[0, :20].float().mean()
    steps = head[0].int().diff(dim=1).abs().float().mean()
    assert steps < 12  # bytes in the wrong order would be noise


# Files of one's own


def test_own_file_loads(folder, monkeypatch):
    path = save(folder / "pets.npz")
    for name in ("pets", path, str(path), os.path.relpath(path)):
        data = datasets.load(name)
        assert (data.name, data.classes) == ("pets", ("cat", "dog", "owl"))
        assert str(path) in data.source
    np.testing.assert_array_equal(data.train_images.permute(0, 2, 3, 1), GOOD["train_images"])
    np.testing.assert_array_equal(data.test_images.permute(0, 2, 3, 1), GOOD["test_images"])
    np.testing.assert_array_equal(data.test_labels, [2, 1, 0])
    assert data.test_labels.dtype == torch.int64
    monkeypatch.delenv("COURSE_DATA")
    assert datasets.load("pets", root=folder).name == "pets"


def test_fortran_order_and_grey_images_load(folder):
    images = RNG.integers(0, 256, (7, 4, 5), dtype=np.uint8)
    path = save(folder / "grey.npz", train_images=np.asfortranarray(images), test_images=images[:3])
    np.testing.assert_array_equal(datasets.load(path).train_images[:, 0], images)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 2050),
    st.integers(1, 4),
    st.integers(1, 4),
    st.sampled_from([1, 3]),
    st.randoms(),
)
def test_write_then_read_is_identity(tmp_path_factory, count, height, width, channels, random):
    generator = torch.Generator().manual_seed(random.randrange(2**31))
    form = (count, channels, height, width)
    images = torch.randint(0, 256, form, dtype=torch.uint8, generator=generator)
    labels = torch.randint(0, 4, (count,), generator=generator)
    path = tmp_path_factory.getbasetemp() / "any.npz"
    files.write(Dataset("any", images, labels, images[:1], labels[:1], tuple("wxyz"), ""), path)
    data = files.read(path)
    assert torch.equal(data.train_images, images)
    assert data.train_images.is_contiguous()
    assert torch.equal(data.train_labels, labels)


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read in the unit of Linux")
def test_read_holds_images_once(folder):
    images = np.zeros((20_000, 32, 32, 3), np.uint8)
    labels = np.zeros(20_000, np.uint8)
    path = save(folder / "a.npz", train_images=images, train_labels=labels, test_images=images[:3])
    code = (
        "import resource; from pathlib import Path; from course_utils.datasets import files\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        f"before = peak(); data = files.read(Path({str(path)!r})); print(peak() - before)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) * 1024 < 1.5 * images.nbytes


# Faults


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"classes": None}, "lacks 'classes'; it holds train_images, train_labels"),
        ({"test_images": None, "images": np.zeros(3)}, "lacks 'test_images'; .*images"),
        ({"train_images": GOOD["train_images"] / 255}, "uint8, 0 to 255, and is float64"),
        ({"train_images": GOOD["train_images"].transpose(0, 3, 1, 2)}, "channels last, and is"),
        ({"train_images": GOOD["train_images"][0, 0]}, r"channels last, .*shape \(5, 3\)"),
        ({"train_images": GOOD["train_images"][:0], "train_labels": np.zeros(0, int)}, "0, 4, 5"),
        ({"test_images": GOOD["test_images"][:, 1:]}, r"size \(4, 5, 3\), and is .*3, 3, 5, 3"),
        ({"train_labels": GOOD["train_labels"][1:]}, "one integer for each of 7 images"),
        ({"train_labels": GOOD["train_labels"] / 1}, "one integer .* is float64"),
        ({"test_labels": GOOD["test_labels"][:, None]}, "one integer for each of 3 images"),
        ({"train_labels": GOOD["train_labels"] + 1}, "run from 1 to 3; .* from 0 to 2"),
        ({"test_labels": np.array([0, -1, 0])}, "run from -1 to 0; with 3 classes"),
        ({"classes": np.array([b"cat", b"dog", b"owl"])}, "one string per class, and is .S3"),
        ({"classes": np.array("cat")}, "one string per class"),
        ({"classes": np.array([], dtype=str)}, "one string per class"),
        ({"classes": np.array(["cat", 1, None], dtype=object)}, "'classes' holds pickled"),
        ({"train_images": np.array([1, "a"], dtype=object)}, "'train_images' holds pickled"),
    ],
)
def test_malformed_file_raises_data_error(folder, changed, says):
    path = save(folder / "pets.npz", **changed)
    with pytest.raises(DataError, match=says) as caught:
        datasets.load("pets")
    assert str(path) in str(caught.value)
    assert "data/README.md" in str(caught.value)


class Bomb:
    """Unpickling it would write a file."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_pickled_content_never_runs(folder):
    save(folder / "pets.npz", classes=np.array([Bomb(folder / "exploded")], dtype=object))
    with pytest.raises(DataError, match="pickled Python objects"):
        datasets.load("pets")
    assert not (folder / "exploded").exists()


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04", b"\x93NUMPY\x01\x00"])
def test_non_archive_raises_data_error(folder, content):
    (folder / "pets.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"pets\.npz is damaged, or no \.npz file"):
        datasets.load("pets")


def test_missing_file_differs_from_folder(folder):
    with pytest.raises(DataError, match=r"no file .*pets\.npz"):
        datasets.load(folder / "pets.npz")
    (folder / "cats.npz").mkdir()
    with pytest.raises(DataError, match=r"cats\.npz cannot be read"):
        datasets.load("cats")


@functools.cache
def archive(compressed: bool) -> bytes:
    buffer = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(buffer, **GOOD)
    return buffer.getvalue()


def same(data: Dataset) -> bool:
    images = data.train_images.permute(0, 2, 3, 1).numpy()
    return np.array_equal(images, GOOD["train_images"]) and data.classes == ("cat", "dog", "owl")


@settings(max_examples=200, deadline=None)
@given(st.booleans(), st.floats(0, 1, exclude_max=True), st.integers(1, 255))
def test_altered_byte_is_refused_or_harmless(tmp_path_factory, compressed, place, change):
    content = bytearray(archive(compressed))
    content[int(place * len(content))] ^= change
    path = tmp_path_factory.getbasetemp() / "altered.npz"
    path.write_bytes(content)
    with contextlib.suppress(DataError):
        assert same(files.read(path))


@settings(max_examples=60, deadline=None)
@given(st.booleans(), st.floats(0, 1, exclude_max=True))
def test_truncated_file_raises_data_error(tmp_path_factory, compressed, share):
    content = archive(compressed)
    path = tmp_path_factory.getbasetemp() / "truncated.npz"
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(DataError, match=r"truncated\.npz is damaged"):
        files.read(path)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_wrong_checksum_raises_data_error(folder, compression):
    with zipfile.ZipFile(folder / "pets.npz", "w", compression, compresslevel=0) as packed:
        for key, value in GOOD.items():
            with packed.open(f"{key}.npy", "w") as member:
                np.lib.format.write_array(member, value)
    content = (folder / "pets.npz").read_bytes()
    pixels = GOOD["test_images"].tobytes()
    assert content.count(pixels) == 1
    (folder / "pets.npz").write_bytes(content.replace(pixels, pixels[:-1] + b"\x07"))
    with pytest.raises(DataError, match="CRC"):
        datasets.load("pets")


def test_trailing_bytes_raise_data_error(folder):
    with zipfile.ZipFile(folder / "pets.npz", "w") as packed:
        for key, value in GOOD.items():
            with packed.open(f"{key}.npy", "w") as member:
                np.lib.format.write_array(member, value)
                member.write(b"more" if key == "test_labels" else b"")
    with pytest.raises(DataError, match="bytes follow the array 'test_labels'"):
        datasets.load("pets")


# Names, and the two variables


def test_unknown_name_gets_suggestion():
    with pytest.raises(DataError, match=r"no data set 'cifar'\. Did you mean cifar10\? .*shapes"):
        datasets.load("cifar")
    with pytest.raises(DataError, match=r"no data set 'zebra'\. Known: shapes, digits"):
        datasets.load("zebra")


@pytest.mark.parametrize(("name", "instead"), [("cifar10", "shapes"), ("mnist", "digits")])
def test_missing_set_names_download_command(name, instead):
    with pytest.raises(DataError, match=rf"course_utils data {name}. .*load\('{instead}'\)"):
        datasets.load(name)


def test_cifar10_on_disk_is_default(folder, monkeypatch):
    assert datasets.load().name == datasets.load("auto").name == "shapes"
    save(folder / "cifar10.npz")
    assert datasets.load().name == datasets.load("auto").name == "cifar10"
    assert "Krizhevsky" in datasets.load().source
    monkeypatch.setenv("COURSE_DATASET", "digits")
    assert datasets.load().name == datasets.load("auto").name == "digits"
    assert datasets.load("shapes").name == "shapes"  # whoever names a set gets that set


def test_course_dataset_variable_takes_file(folder, monkeypatch):
    monkeypatch.setenv("COURSE_DATASET", str(save(folder / "pets.npz")))
    assert datasets.load().name == "pets"
    monkeypatch.setenv("COURSE_DATASET", "pet")
    with pytest.raises(DataError, match="Did you mean pets"):
        datasets.load()


def test_available_lists_loadable_sets(folder):
    nothing = {"shapes": True, "digits": True, "cifar10": False, "mnist": False}
    assert datasets.available() == nothing
    save(folder / "mnist.npz")
    save(folder / "pets.npz")
    assert datasets.available() == nothing | {"mnist": True, "pets": True}
    assert datasets.available(folder / "elsewhere") == nothing


def test_data_dir_defaults_to_course(monkeypatch):
    monkeypatch.delenv("COURSE_DATA")
    assert files.data_dir() == Path(__file__).resolve().parents[1] / "data"
    monkeypatch.setenv("COURSE_DATA", "~/pictures")
    assert files.data_dir() == Path.home() / "pictures"


def test_dataset_repr_is_one_line(folder):
    line = repr(datasets.load(save(folder / "pets.npz")))
    assert line == "pets: 7 training and 3 test images of 3×4×5, 3 classes"


def test_importing_datasets_stays_light():
    code = (
        "import sys, course_utils.datasets as d\n"
        "d.load('shapes'), d.load('digits'), d.photograph('china')\n"
        "print([m for m in ('sklearn', 'scipy', 'matplotlib', 'torchvision') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


# The real sets, where they are on disk


@pytest.mark.real_data
@pytest.mark.parametrize(("name", "form"), [("cifar10", (3, 32, 32)), ("mnist", (1, 28, 28))])
def test_real_sets_load(name, form):
    if not datasets.available(REAL)[name]:
        pytest.skip(f"{name} is not on disk: python -m course_utils data {name}")
    data = datasets.load(name, root=REAL)
    assert data.train_images.shape[1:] == data.test_images.shape[1:] == form
    assert data.train_labels.unique().tolist() == list(range(10))
    assert len(data.classes) == 10
