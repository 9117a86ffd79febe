"""The key/value cache: rows leave it, and what does not fit is one sentence."""

import pytest
import torch

from course.lm.cache import KVCache


def filled(batch=3, seen=2):
    cache = KVCache(1)
    values = torch.arange(float(batch * seen * 4)).view(batch, 1, seen, 4)
    cache.extend(0, values, values + 0.5)
    return cache, values


@pytest.mark.parametrize("rows", [[2, 0], [True, False, True]])
def test_rows_that_stay_are_those_asked_for(rows):
    cache, values = filled()
    cache.select(torch.tensor(rows))
    chosen = values[torch.tensor(rows)]
    keys, _ = cache.extend(0, chosen[:, :, :1], chosen[:, :, :1])
    assert torch.equal(keys[:, :, :2], chosen)


@pytest.mark.parametrize(
    ("rows", "error"), [([-1], ValueError), ([3], ValueError), ([0.5], TypeError)]
)
def test_a_row_that_is_not_there_is_refused(rows, error):
    with pytest.raises(error, match="^got "):
        filled()[0].select(torch.tensor(rows))


@pytest.mark.parametrize("shape", [(2, 1, 1, 4), (3, 2, 1, 4), (3, 1, 1, 5), (3, 1, 4)])
def test_states_that_do_not_fit_what_is_there_are_refused(shape):
    with pytest.raises(ValueError, match="expected one shape beside"):
        filled()[0].extend(0, torch.zeros(shape), torch.zeros(shape))
