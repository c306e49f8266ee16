"""Training: the five lines of the step, and around them what every experiment needs.

>>> from course_utils import datasets, models
>>> data = datasets.load("digits")
>>> model = models.logistic_regression((1, 8, 8))
>>> history = fit(model, (data.train_images, data.train_labels), epochs=20)
>>> evaluate(model, (data.test_images, data.test_labels)).accuracy > 0.85
True

Images stay uint8 tensors on the device; one batch at a time becomes float32 from 0 to 1. No copies,
no worker processes, a quarter of the memory.
"""

from course_utils import _torchvision  # noqa: F401  (makes a plain `import torchvision` work)
from course_utils.training.history import Evaluation, History
from course_utils.training.loop import evaluate, fit, predict, repeat

__all__ = ["Evaluation", "History", "evaluate", "fit", "predict", "repeat"]
