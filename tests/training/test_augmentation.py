from __future__ import annotations

import numpy as np
import pytest
import torch

from meit_training.augmentation import EcgAugmentation

RATE = 100
OFF = {"max_shift_s": 0, "gain_sd": 0, "noise_mv": 0, "wander_mv": 0, "drop_leads": 0, "cuts": 0}


def record() -> tuple[np.ndarray, np.ndarray]:
    """Values without a zero among them, so that a zero in the result was put there."""
    values = np.random.default_rng(0).uniform(0.5, 1.5, (12, 1000)).astype(np.float32)
    return values, np.ones(values.shape, dtype=bool)


def augmented(seed: int = 0, **settings) -> tuple[np.ndarray, np.ndarray]:
    return EcgAugmentation(**{**OFF, **settings})(*record(), RATE, np.random.default_rng(seed))


def test_with_everything_off_nothing_changes():
    values, mask = augmented()
    np.testing.assert_array_equal(values, record()[0])
    assert mask.all()


@pytest.mark.parametrize("seed", range(20))
def test_what_is_masked_is_zero_and_nothing_else_is(seed):
    values, mask = record()
    mask[3, 100:200] = False
    new, new_mask = EcgAugmentation(drop_leads=1.0)(values, mask, RATE, np.random.default_rng(seed))
    assert new.dtype == np.float32
    assert new_mask.dtype == bool
    assert new.shape == new_mask.shape == (12, 1000)
    assert (new[~new_mask] == 0).all()
    assert (new[new_mask] != 0).mean() > 0.999
    assert not new_mask.all()


def test_the_input_is_left_as_it_was():
    values, mask = record()
    EcgAugmentation(drop_leads=1.0)(values, mask, RATE, np.random.default_rng(0))
    np.testing.assert_array_equal(values, record()[0])
    assert mask.all()


@pytest.mark.parametrize("seed", range(8))
def test_a_shift_moves_signal_and_mask_together_and_wraps_nothing_round(seed):
    values, mask = augmented(seed, max_shift_s=0.6)
    original = record()[0]
    shift = next(s for s in range(-60, 61) if np.array_equal(values, shifted(original, s)))
    assert mask.sum() == 12 * (1000 - abs(shift))
    np.testing.assert_array_equal(mask, shifted(np.ones_like(original), shift) == 1)


def shifted(values: np.ndarray, shift: int) -> np.ndarray:
    out = np.zeros_like(values)
    if shift >= 0:
        out[:, shift:] = values[:, : values.shape[1] - shift]
    else:
        out[:, :shift] = values[:, -shift:]
    return out


def test_shifts_go_both_ways_and_no_further_than_said():
    measured = [augmented(seed, max_shift_s=0.6)[1][0] for seed in range(60)]
    first = [int(mask.argmax()) for mask in measured]
    last = [int(mask[::-1].argmax()) for mask in measured]
    assert 40 < max(first) <= 60
    assert 40 < max(last) <= 60
    assert not any(a and b for a, b in zip(first, last, strict=True))


def test_gain_is_one_factor_for_all_leads_of_the_size_asked_for():
    factors = []
    for seed in range(300):
        ratio = augmented(seed, gain_sd=0.1)[0] / record()[0]
        assert np.ptp(ratio) < 1e-5
        factors.append(ratio.mean())
    assert np.mean(factors) == pytest.approx(1, abs=0.02)
    assert np.std(factors) == pytest.approx(0.1, abs=0.015)


def test_noise_is_white_and_never_stronger_than_said():
    noises = [augmented(seed, noise_mv=0.02)[0] - record()[0] for seed in range(100)]
    strength = np.array([noise.std() for noise in noises])
    assert 0.018 < strength.max() < 0.0205
    assert strength.min() < 0.002
    strongest = noises[int(strength.argmax())]
    assert abs(np.corrcoef(strongest[0, :-1], strongest[0, 1:])[0, 1]) < 0.15
    assert abs(np.corrcoef(strongest[0], strongest[1])[0, 1]) < 0.15


def test_wander_is_slow_and_its_amplitude_in_millivolts():
    wander = np.stack([augmented(seed, wander_mv=0.05)[0] - record()[0] for seed in range(50)])
    assert 0.04 < np.abs(wander).max() <= 0.0501
    # 0.5 Hz at most: 0.05 mV * 2 pi * 0.5 Hz / 100 Hz from one sample to the next.
    assert np.abs(np.diff(wander, axis=2)).max() < 0.0017


def test_dropped_leads_are_dropped_whole_and_three_stay():
    left = []
    for seed in range(100):
        values, mask = augmented(seed, drop_leads=1.0, drop_lead=0.99)
        whole = mask.all(1)
        assert (whole | ~mask.any(1)).all()
        assert (values[~whole] == 0).all()
        left.append(int(whole.sum()))
    assert min(left) == 3
    share = np.mean([augmented(seed, drop_leads=0.3, drop_lead=0.99)[1].all() for seed in range(400)])
    assert share == pytest.approx(0.7, abs=0.07)


def test_cuts_go_through_all_leads_and_are_no_longer_than_said():
    longest = 0
    for seed in range(100):
        _, mask = augmented(seed, cuts=1, max_cut_s=1.5)
        assert (mask == mask[0]).all()
        lost = int((~mask[0]).sum())
        edges = np.flatnonzero(np.diff(mask[0].astype(int)))
        assert lost <= 150
        assert len(edges) <= 2
        longest = max(longest, lost)
    assert longest > 130


def values_of(source, row: int, epoch: int) -> torch.Tensor:
    source.epoch = epoch
    return source([row], [True])["ecg_values"][0]


def test_a_draw_depends_on_seed_epoch_and_row_alone(trainer_of):
    trainer, _ = trainer_of("augmentation={}")
    source = trainer.data_collator.source
    alone = values_of(source, 5, epoch=2)
    source.epoch = 2
    among = source([7, 5, 5], [True, True, False])["ecg_values"]
    assert torch.equal(alone, among[1])
    assert not torch.equal(alone, among[2])
    assert not torch.equal(alone, values_of(source, 5, epoch=3))
    again = trainer_of("augmentation={}")[0].data_collator.source
    assert torch.equal(alone, values_of(again, 5, epoch=2))
    other = trainer_of("augmentation={}", "seed=9")[0].data_collator.source
    assert not torch.equal(alone, values_of(other, 5, epoch=2))


def test_each_epoch_is_drawn_anew_also_in_worker_processes_that_outlive_it(trainer_of):
    trainer, _ = trainer_of("augmentation={}", "dataloader_num_workers=1", "dataloader_persistent_workers=true")
    loader, source = trainer.get_train_dataloader(), trainer.data_collator.source
    for epoch in (0, 1):
        source.epoch = epoch
        # The sampler shuffles: a row is known by its text.
        seen = {
            tuple(labels[labels != -100].tolist()): values
            for batch in loader
            for labels, values in zip(batch["labels"], batch["ecg_values"], strict=True)
        }
        for example in list(trainer.train_dataset)[:5]:
            text = tuple(label for label in example["labels"] if label != -100)
            assert torch.equal(seen[text], values_of(source, example["row"], epoch))
