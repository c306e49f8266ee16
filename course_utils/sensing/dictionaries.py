"""Dictionaries for small patches, learned or not: one unit vector (atom) in each column.

Coates and Ng (2011), ICML, section 3: the ways compared there but for sparse RBMs.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from course_utils.sensing.operators import Matrix
from course_utils.sensing.solvers import fista, omp

ROWS = 2000  # patches encoded at once, so that codes of 6,000 atoms take 50 MB


def random_patches(patches: Tensor, atoms: int, *, seed: int = 0) -> Tensor:
    """(N, m) patches -> (m, atoms): some of the patches themselves ("RP")."""
    if atoms > len(patches):
        raise ValueError(f"{len(patches)} patches cannot give {atoms} atoms")
    chosen = torch.randperm(len(patches), generator=_random(seed))[:atoms]
    return F.normalize(patches[chosen.to(patches.device)].mT, dim=0)


def random_weights(patches: Tensor, atoms: int, *, seed: int = 0) -> Tensor:
    """(N, m) patches -> (m, atoms): noise that never saw them ("R")."""
    noise = torch.randn(patches.shape[1], atoms, generator=_random(seed))
    return F.normalize(noise, dim=0).to(patches)


def learned(
    patches: Tensor,
    atoms: int,
    encode: Callable[[Tensor, Tensor], Tensor],
    *,
    rounds: int = 10,
    seed: int = 0,
) -> Tensor:
    """Learn a dictionary by turns: code the patches, then fit all atoms to the codes.

    Parameters
    ----------
    patches : Tensor
        (N, m).
    encode : function of dictionary (m, atoms) and patches (n, m)
        Gives codes (n, atoms): `omp` with one atom makes this gain-shape vector quantisation, a
        cousin of k-means; `sparse_codes` makes it sparse coding.

    Returns
    -------
    Tensor
        (m, atoms).

    References
    ----------
    Engan, Aase and Husøy (1999), ICASSP: the fit to the codes is their method of optimal
    directions. An atom that no patch uses is replaced by a patch.
    """
    dictionary = spare = random_patches(patches, atoms, seed=seed)
    for _ in tqdm(range(rounds), desc="dictionary", disable=None, leave=False):
        together = torch.zeros(atoms, atoms).to(patches)
        target = torch.zeros(patches.shape[1], atoms).to(patches)
        for some in patches.split(ROWS):
            codes = encode(dictionary, some)
            together += codes.mT @ codes
            target += some.mT @ codes
        unused = together.diagonal() == 0
        ridge = 1e-3 * together.diagonal().mean() * torch.eye(atoms).to(patches)
        fitted = torch.linalg.solve(together + ridge, target.mT).mT
        dictionary = F.normalize(torch.where(unused, spare, fitted), dim=0)
    return dictionary


def sparse_codes(
    dictionary: Tensor, patches: Tensor, lam: float = 1.0, iterations: int = 20
) -> Tensor:
    """(m, d), (N, m) -> (N, d): the Lasso's codes, by FISTA."""
    return fista(Matrix(dictionary), patches, lam, iterations)


def sparse_autoencoder(
    patches: Tensor, atoms: int, *, steps: int = 1500, usual: float = 0.03, seed: int = 0
) -> Tensor:
    """(N, m) patches -> (m, atoms): a sigmoid autoencoder's encoding weights ("SAE").

    Units are asked, by a Kullback–Leibler penalty, to be on for a share `usual` of the patches.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        encoder = nn.Linear(patches.shape[1], atoms).to(patches)
        decoder = nn.Linear(atoms, patches.shape[1]).to(patches)
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=2e-3)
    generator = _random(seed)
    for _ in range(steps):
        some = patches[torch.randint(len(patches), (500,), generator=generator)]
        on = encoder(some).sigmoid()
        share = on.mean(0).clamp(1e-4, 1 - 1e-4)
        sparse = F.kl_div(share.log(), torch.full_like(share, usual), reduction="sum")
        sparse += F.kl_div((1 - share).log(), torch.full_like(share, 1 - usual), reduction="sum")
        loss = (decoder(on) - some).square().sum(1).mean() + sparse
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return F.normalize(encoder.weight.detach(), dim=1).mT.contiguous()


DICTIONARIES = {  # by the names of the paper's table
    "RP": random_patches,
    "R": random_weights,
    "OMP-1": partial(learned, encode=partial(omp, atoms=1)),
    "OMP-10": partial(learned, encode=partial(omp, atoms=10)),
    "SC": partial(learned, encode=sparse_codes),
    "SAE": sparse_autoencoder,
}


def _random(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
