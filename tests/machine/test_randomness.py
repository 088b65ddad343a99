"""Tests of random numbers: a function of their parts, the same on every machine."""

import hashlib

import torch

from dermoscopy.machine.randomness import derive, generator, repeat_seed, seed_hidden_state


def test_a_seed_is_the_first_63_bits_of_the_sha256_of_its_parts():
    digest = hashlib.sha256(b"7\x1forder\x1f2").hexdigest()
    assert derive(7, "order", 2) == int(digest[:16], 16) >> 1
    assert derive() == int(hashlib.sha256(b"").hexdigest()[:16], 16) >> 1


def test_a_seed_depends_on_every_part_and_its_position():
    parts = [(0, "a"), (1, "a"), (0, "b"), ("a", 0), (0, "a", 0), ("0a",), (10, 1), (1, 10), (101,)]
    seeds = {derive(*combination) for combination in parts}
    assert len(seeds) == len(parts)
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_a_run_has_its_own_seed_and_each_of_its_folds_another():
    assert [repeat_seed(seed, None) for seed in (0, 7)] == [0, 7]
    assert repeat_seed(7, 2) == int(hashlib.sha256(b"7\x1ffold\x1f2").hexdigest()[:16], 16) >> 1
    assert len({repeat_seed(seed, fold) for seed in range(10) for fold in (None, *range(10))}) == 110


def test_a_generator_is_reproducible_and_does_not_affect_others():
    torch.manual_seed(0)
    before = torch.default_generator.get_state()
    first = torch.rand(5, generator=generator(3, "zeroing"))
    assert torch.equal(first, torch.rand(5, generator=generator(3, "zeroing")))
    assert not torch.equal(first, torch.rand(5, generator=generator(4, "zeroing")))
    assert torch.equal(torch.default_generator.get_state(), before)


def test_hidden_state_is_seeded_as_by_torch():
    seed_hidden_state(5, torch.device("cpu"))
    ours = torch.nn.functional.dropout(torch.ones(100))
    torch.manual_seed(5)
    assert torch.equal(ours, torch.nn.functional.dropout(torch.ones(100)))
