"""Random numbers that depend on a member's seed, a purpose and an epoch, and on nothing else.

Who shares the stack, in what order members finish, or where training is resumed cannot change them. Networks of one
seed share their initial weights and batch order whatever their noise, so that comparisons within a seed are paired.
"""

from __future__ import annotations

import hashlib

import torch


def stream_seed(purpose: str, seed: int, epoch: int = 0) -> int:
    """Return a 63-bit seed for one purpose ("weights", "order", ...) of one member seed in one epoch."""
    digest = hashlib.blake2b(f"{purpose}/{seed}/{epoch}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def generator(purpose: str, seed: int, epoch: int = 0, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a fresh generator of that stream on a device."""
    return torch.Generator(device).manual_seed(stream_seed(purpose, seed, epoch))
