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
    """(N, m) patches -> (m, atoms): some of the patches themselves ("RP").

    Raises
    ------
    ValueError
        If there are fewer patches than atoms.
    """
    if atoms > len(patches):
        raise ValueError(f"{len(patches)} patches cannot give {atoms} atoms")
    rows = torch.randperm(len(patches), generator=torch.Generator().manual_seed(seed))[:atoms]
    return F.normalize(patches[rows.to(patches.device)].mT, dim=0)


def random_weights(patches: Tensor, atoms: int, *, seed: int = 0) -> Tensor:
    """(N, m) patches -> (m, atoms): noise that never saw them ("R")."""
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(patches.shape[1], atoms, generator=generator), dim=0).to(patches)


def learn_dictionary(
    patches: Tensor,
    atoms: int,
    encode: Callable[[Tensor, Tensor], Tensor],
    rounds: int = 10,
    *,
    seed: int = 0,
) -> Tensor:
    """Learn a dictionary by turns: encode the patches, then fit atom after atom to the codes.

    Parameters
    ----------
    patches : Tensor
        (N, m).
    atoms : int
        How many columns the dictionary has, N at most.
    encode : function of dictionary (m, atoms) and patches (n, m)
        Gives codes (n, atoms): `omp` with one atom makes this gain-shape vector quantisation, a
        cousin of k-means; `sparse_codes` makes it sparse coding.
    rounds : int
        How often both are done.
    seed : int
        Decides which patches are the first atoms.

    Returns
    -------
    Tensor
        (m, atoms).

    References
    ----------
    Mairal, Bach, Ponce and Sapiro (2010), JMLR 11, 19–60, algorithm 2. An atom that no patch uses
    becomes a patch.
    """
    dictionary = initial = random_patches(patches, atoms, seed=seed)
    for _ in tqdm(range(rounds), desc="dictionary", disable=None, leave=False):
        gram = torch.zeros(atoms, atoms).to(patches)
        target = torch.zeros(atoms, patches.shape[1]).to(patches)
        for batch in patches.split(ROWS):
            codes = encode(dictionary, batch)
            gram += codes.mT @ codes
            target += codes.mT @ batch
        used = gram.diagonal() > 0
        dictionary = torch.where(used, dictionary, initial)
        for j in used.nonzero()[:, 0].tolist():  # each best while the others stay as they are
            missing = target[j] - dictionary @ gram[j]
            dictionary[:, j] = F.normalize(dictionary[:, j] + missing / gram[j, j], dim=0)
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
        codes = encoder(patches[rows]).sigmoid()
        rate = codes.mean(0).clamp(1e-4, 1 - 1e-4)
        # up to a constant the Kullback–Leibler divergence of a rate of 3 % from this one
        penalty = F.binary_cross_entropy(rate, torch.full_like(rate, 0.03), reduction="sum")
        loss = (decoder(codes) - patches[rows]).square().sum(1).mean() + penalty
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return F.normalize(encoder.weight.detach(), dim=1).mT.contiguous()


DICTIONARIES: dict[str, Callable[..., Tensor]] = {  # by the names of the paper's table
    "RP": random_patches,
    "R": random_weights,
    "OMP-1": partial(learn_dictionary, encode=partial(omp, atoms=1)),
    "OMP-10": partial(learn_dictionary, encode=partial(omp, atoms=10)),
    "SC": partial(learn_dictionary, encode=sparse_codes),
    "SAE": sparse_autoencoder,
}
