"""Dictionaries for small patches, learned or not: one unit vector (atom) in each column.

Those that Coates and Ng (2011) compare, section 3, but for sparse RBMs.
"""

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from course_utils.sensing.operators import Matrix
from course_utils.sensing.solvers import admm, omp

ROWS = 2000  # patches encoded at once, so that codes of 6,000 atoms take 50 MB


def random_patches(patches: Tensor, atoms: int, *, seed: int = 0) -> Tensor:
    """(N, m) patches -> (m, atoms): some of the patches themselves ("RP")."""
    if atoms > len(patches):
        raise ValueError(f"{len(patches)} patches cannot give {atoms} atoms")
    chosen = torch.randperm(len(patches), generator=torch.Generator().manual_seed(seed))[:atoms]
    return F.normalize(patches[chosen.to(patches.device)].mT, dim=0)


def random_weights(patches: Tensor, atoms: int, *, seed: int = 0) -> Tensor:
    """(N, m) patches -> (m, atoms): noise that never saw them ("R")."""
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(patches.shape[1], atoms, generator=generator), dim=0).to(patches)


def learned(
    patches: Tensor,
    atoms: int,
    encode: Callable[[Tensor, Tensor], Tensor],
    rounds: int = 10,
    *,
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
    directions. An atom that no patch uses becomes a patch.
    """
    dictionary = spare = random_patches(patches, atoms, seed=seed)
    for _ in tqdm(range(rounds), desc="dictionary", disable=None, leave=False):
        together = torch.zeros(atoms, atoms).to(patches)
        target = torch.zeros(atoms, patches.shape[1]).to(patches)
        for some in patches.split(ROWS):
            codes = encode(dictionary, some)
            together += codes.mT @ codes
            target += codes.mT @ some
        used = together.diagonal().clone()
        together.diagonal().add_(1e-3 * used.mean())
        fitted = torch.linalg.solve(together, target).mT
        dictionary = F.normalize(torch.where(used > 0, fitted, spare), dim=0)
    return dictionary


def sparse_codes(dictionary: Tensor, patches: Tensor, lam: float = 1.0) -> Tensor:
    """(m, d), (N, m) -> (N, d): the Lasso's codes, nearly: ten iterations of `admm`."""
    return admm(Matrix(dictionary), patches, lam, 10)


def sparse_autoencoder(patches: Tensor, atoms: int, steps: int = 1500, *, seed: int = 0) -> Tensor:
    """(N, m) patches -> (m, atoms): encoding weights of an autoencoder of sigmoids ("SAE").

    A Kullback–Leibler penalty asks each unit to be on for 3 % of the patches.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        encoder = nn.Linear(patches.shape[1], atoms).to(patches)
        decoder = nn.Linear(atoms, patches.shape[1]).to(patches)
        order = torch.randint(len(patches), (steps, 500)).to(patches.device)
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=2e-3)
    for rows in tqdm(order, desc="dictionary", disable=None, leave=False):
        on = encoder(patches[rows]).sigmoid()
        share = on.mean(0).clamp(1e-4, 1 - 1e-4)
        dense = F.binary_cross_entropy(share, torch.full_like(share, 0.03), reduction="sum")
        loss = (decoder(on) - patches[rows]).square().sum(1).mean() + dense
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
