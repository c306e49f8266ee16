"""What workbook 08 says of thresholds, samples, λ and masks, over several seeds."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from course_utils import datasets
from course_utils.exercises import compressive as ex
from course_utils.figures.recovery_camera import PRIORS, STRENGTHS, RecoveryCamera
from course_utils.sensing import phase
from course_utils.sensing.masks import kspace_mask, random_mask
from course_utils.sensing.operators import DCT, KSpace, Restriction, SubsampledDCT, Wavelet
from course_utils.sensing.solvers import cycle_spin, fista, geometric_schedule, psnr


def test_threshold_near_noise_gains_most():
    photo = datasets.photograph("flower", size=128, gray=True)[0].float() / 255
    waves = DCT(photo.shape)
    for seed in range(5):
        generator = torch.Generator().manual_seed(seed)
        noisy = photo + 0.1 * torch.randn(photo.shape, generator=generator)
        tried = (0.02, 0.05, 0.1, 0.2, 0.4)
        scores = [psnr(waves.H(F.softshrink(waves(noisy), t)), photo) for t in tried]
        assert tried[scores.index(max(scores))] == 0.1
        assert max(scores) > psnr(noisy, photo) + 4


@pytest.mark.parametrize("q", [2, 4, 8, 16])
def test_three_times_q_log_n_is_enough(q):
    n, shares = 256, []
    for factor in (1, 3):
        m = round(factor * q * math.log(n / q))
        runs = [
            phase.is_recovered(
                SubsampledDCT(n, m / n, seed=seed),
                phase.sparse_signals(30, n, q, seed=q + 100 * seed),
                300,
            )
            for seed in range(6)
        ]
        shares.append(torch.stack(runs).float().mean().item())
    assert shares[0] < 0.15
    assert shares[1] > 0.97


def test_held_out_measurements_choose_lambda():
    photo = datasets.photograph("flower", size=64, gray=True)[0].float() / 255
    D, tried = DCT(photo.shape).H, [0.01, 0.03, 0.1, 0.2, 0.4, 0.8]
    costs = []
    for seed in range(3):
        A = Restriction(photo.shape, 0.3, seed=seed)
        generator = torch.Generator().manual_seed(seed)
        noise = torch.randn(A.shape_out, generator=generator)
        kept = torch.rand(A.shape_out, generator=generator) < 0.9
        part = A.mask.clone()
        part[A.mask] = kept

        def recover(y, camera, lam, D=D):
            return D(fista(camera @ D, y, geometric_schedule(1, lam, 60)))

        for sigma in (0.01, 0.05, 0.1, 0.2):
            y = A(photo) + sigma * noise
            scores = {lam: psnr(recover(y, A, lam), photo) for lam in tried}
            chosen = ex.choose_lambda.model(
                tried,
                lambda seen, kept, lam, A=A, part=part: A(
                    recover(seen, Restriction((64, 64), part), lam)
                ),
                y,
                kept,
            )
            best = max(scores, key=scores.__getitem__)
            assert abs(tried.index(chosen) - tried.index(best)) <= 1
            costs.append(scores[best] - scores[chosen])
    assert max(costs) < 1


def test_equispaced_and_uniform_samples_of_kspace_fail():
    head = datasets.mr_slice()[0].float() / 215
    even = torch.zeros(head.shape, dtype=torch.bool)
    even[::4] = True
    assert even[head.shape[0] // 2].all()  # the middle of k-space is taken
    gains = {}
    masks = {"even": even, "random": random_mask(head.shape, 0.25)}
    masks |= {name: kspace_mask(head.shape, 0.25, name) for name in ("lines", "points", "radial")}
    for name, mask in masks.items():
        scanner, shrink = KSpace(mask), cycle_spin(Wavelet(head.shape, "db4"))

        def real(picture, threshold, shrink=shrink):
            return shrink(picture.real, threshold).to(picture.dtype)

        y = scanner(head)
        found = fista(scanner, y, geometric_schedule(0.1, 1e-3, 40), prox=real).real
        gains[name] = psnr(found, head) - psnr(scanner.adjoint(y).real, head)
    assert max(gains.pop("even"), gains.pop("random")) < 1
    assert min(gains.values()) > 4.5
    copies = KSpace(even).adjoint(KSpace(even)(head)).real
    assert torch.allclose(copies, copies.roll(64, 0), atol=1e-5)  # four heads, exactly alike


def test_even_grid_fails_cosines_and_not_variation():
    photo = datasets.photograph("flower", size=64, gray=True)
    scores = {
        (prior, pattern): RecoveryCamera(photo, prior=prior, pattern=pattern, sampled=25).numbers()[
            "psnr"
        ]
        for prior in (PRIORS[1], PRIORS[3])
        for pattern in ("random pixels", "even grid")
    }
    assert scores[PRIORS[1], "even grid"] < scores[PRIORS[1], "random pixels"] - 10
    assert scores[PRIORS[3], "even grid"] > scores[PRIORS[3], "random pixels"] - 1


def test_notebook_opens_camera_below_best_lambda():
    photo = datasets.photograph("flower", size=64, gray=True)
    state = {"prior": "total variation", "noise": 30}
    levels = [RecoveryCamera(photo, strength=s, **state).numbers()["psnr"] for s in STRENGTHS]
    best = levels.index(max(levels))
    assert 1 < STRENGTHS[best] < STRENGTHS[-1]
    assert max(levels) > 1.5 + max(levels[STRENGTHS.index(1)], levels[-1])


def coherence_of_waves(mask):
    """The largest cosine between two DCT atoms of a picture, as the measured pixels show them."""
    waves = DCT((len(mask),)).H(torch.eye(len(mask)))  # a row each
    rows, columns = mask.nonzero(as_tuple=True)
    atoms = torch.einsum("kp,lp->klp", waves[:, rows], waves[:, columns]).flatten(0, 1)
    atoms = atoms / atoms.norm(dim=1, keepdim=True)
    return (atoms @ atoms.T).fill_diagonal_(0).abs().max().item()


def test_even_grid_makes_waves_alike():
    even = torch.zeros(64, 64, dtype=torch.bool)
    even[::2, ::2] = True
    assert coherence_of_waves(even) == pytest.approx(0.90, abs=0.005)
    for seed in range(2):
        chosen = torch.rand(64, 64, generator=torch.Generator().manual_seed(seed)) < 0.25
        assert coherence_of_waves(chosen) == pytest.approx(0.15, abs=0.02)
