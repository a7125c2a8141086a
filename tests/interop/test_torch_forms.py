"""What PyTorch code does with a recurrent module's output and states: what is taken over computes the same.

A form is a line of code between a recurrent module and an activation function or a softmax. It is taken, or refused;
what is taken must compute the same for several numbers of steps and sequences.
"""

import itertools

import numpy as np
import pytest

from rnnbp.interop import InteropError
from rnnbp.interop.torch import from_module

torch = pytest.importorskip("torch")
nn, functional = torch.nn, torch.nn.functional
pytestmark = pytest.mark.filterwarnings("ignore:layer ., LastStep")  # picked where one direction has only begun
I, H = 4, 3  # noqa: E741
SIZES = ((6, 5), (7, 8))  # of steps and sequences: none is a number of features, layers or directions
ALL = slice(None)

INDICES = [
    *((ALL, k) for k in (-2, -1, 0, 1)), *((k,) for k in (-2, -1, 0, 1)), (ALL, ALL, -1), (ALL, ALL, 0), (ALL, -1, ALL),
    (..., -1, ALL), (..., 0, ALL), (-1, ...), (ALL, slice(1, None)), (ALL, -1, 0), (0, -1), (ALL, ALL, ALL), (...,),
]  # fmt: skip
FORMS = {
    "nothing": lambda o, h: o,
    **{f"output{list(index)}": lambda o, h, k=index: o[k] for index in INDICES},
    "a step, then a step": lambda o, h: o[:, -1][:, -1],
    **{f"output.mean({k})": lambda o, h, k=k: o.mean(k) for k in (-4, -3, -2, -1, 0, 1, 2, 3, (1,), [0], (0, 1))},
    "output.mean()": lambda o, h: o.mean(),
    **{f"output.amax(dim={k})": lambda o, h, k=k: o.amax(dim=k) for k in (-2, 0, 1)},
    **{f"output.max({k})[{i}]": lambda o, h, k=k, i=i: o.max(k)[i] for k in (0, 1) for i in (0, 1)},
    "torch.max(output, 1).values[0]": lambda o, h: torch.max(o, 1)[-2],
    "max, number 2": lambda o, h: o.max(1)[2],
    "states": lambda o, h: h,
    **{f"states[{k}]": lambda o, h, k=k: h[k] for k in range(-4, 4)},
    **{f"states[:, {k}]": lambda o, h, k=k: h[:, k] for k in (-1, 0)},
    **{f"states.permute{p}": lambda o, h, p=p: h.permute(*p) for p in itertools.permutations(range(3))},
    **{f"states.transpose({a}, {b})": lambda o, h, a=a, b=b: h.transpose(a, b) for a, b in ((0, 1), (1, 2), (0, 2))},
    "states.squeeze(0)": lambda o, h: h.squeeze(0),
    "states.squeeze()": lambda o, h: h.squeeze(),
    "output.squeeze(0)": lambda o, h: o.squeeze(0),
    **{
        f"cat of states {a} and {b} along {dim}": lambda o, h, a=a, b=b, dim=dim: torch.cat([h[a], h[b]], dim)
        for a, b in ((-2, -1), (-1, -2), (0, 1), (-1, -1), (2, 3))
        for dim in (-2, -1, 0, 1)
    },
    "cat of states": lambda o, h: torch.cat((h[-2], h[-1])),
    "cat of states, dim=1": lambda o, h: torch.cat((h[-2], h[-1]), dim=1),
    "cat of steps": lambda o, h: torch.cat([o[:, -1], o[:, 0]], 1),
    **{
        f"output.transpose({a}, {b}).mean({c})": lambda o, h, a=a, b=b, c=c: o.transpose(a, b).mean(c)
        for a, b in ((0, 1), (1, 2), (-1, -2), (0, 2))
        for c in range(3)
    },
    **{f"output.permute{p}": lambda o, h, p=p: o.permute(*p) for p in itertools.permutations(range(3))},
    "output.permute((1, 0, 2))[-1]": lambda o, h: o.permute((1, 0, 2))[-1],
    "output.swapaxes(0, 1)[-1]": lambda o, h: o.swapaxes(0, 1)[-1],
    "output.swapaxes(0, 1).contiguous()[0]": lambda o, h: o.swapaxes(0, 1).contiguous()[0],
    **{f"softmax(output, {k})": lambda o, h, k=k: torch.softmax(o, k) for k in range(-3, 3)},
    "functional.softmax(output, dim=-1)": lambda o, h: functional.softmax(o, dim=-1),
    "softmax over steps": lambda o, h: o.transpose(1, 2).softmax(-1),
    "layer_norm": lambda o, h: functional.layer_norm(o, (o.shape[-1],)),
    "dropout": lambda o, h: functional.dropout(o[:, -1], 0.5, False),
    "tanh and sigmoid": lambda o, h: torch.sigmoid(torch.tanh(o)),
    "output.flatten(1)": lambda o, h: o.flatten(1),
    "twice": lambda o, h: o + o,
}


class Form(nn.Module):
    def __init__(self, form, softmax, **settings):
        super().__init__()
        self.rnn, self.form, self.softmax = nn.GRU(I, H, **settings), form, softmax

    def forward(self, x):
        output, states = self.rnn(x)
        y = self.form(output, states)
        return torch.softmax(y, -1) if self.softmax else torch.relu(y)


def agree(ours, theirs):
    """Whether two arrays are the same but for the order of axes, and axes of one element."""
    theirs = theirs.squeeze()
    turned = (theirs.transpose(order) for order in itertools.permutations(range(theirs.ndim)))
    return any(each.shape == ours.shape and np.abs(each - ours).max() < 1e-6 for each in turned)


# At least, by the number of layers, whether a batch comes first, and whether there are two directions: relu, softmax.
TAKEN = {
    (1, True, False): (47, 36), (2, True, False): (35, 30), (1, False, False): (39, 26),
    (1, True, True): (38, 33), (2, True, True): (38, 33), (1, False, True): (30, 23),
}  # fmt: skip


@pytest.mark.parametrize("softmax", [False, True], ids=["relu", "softmax"])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize(("n_layers", "batch_first"), [(1, True), (2, True), (1, False)])
def test_what_is_taken_of_all_forms_computes_the_same(n_layers, batch_first, bidirectional, softmax):
    settings = {"num_layers": n_layers, "batch_first": batch_first, "bidirectional": bidirectional}
    taken, wrong = [], []
    for name, form in FORMS.items():
        module = Form(form, softmax, **settings).eval()
        try:
            net = from_module(module)
        except InteropError:
            continue
        for sizes in SIZES:
            x = np.random.default_rng(0).normal(size=(*sizes, I)).astype(np.float32)
            try:
                y = module(torch.tensor(x.swapaxes(0, 1) if batch_first else x)).detach().numpy()
            except (IndexError, RuntimeError):
                break  # it is no form
            if not agree(net.forward(x), y):
                wrong.append(name)
        else:
            taken.append(name)
    assert wrong == []
    assert len(taken) >= TAKEN[n_layers, batch_first, bidirectional][softmax]
