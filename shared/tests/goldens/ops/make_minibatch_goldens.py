"""Golden of the pairwise part of minibatch discrimination from PyTorch in f64. Run in this folder: `python
make_minibatch_goldens.py`.

Requirements: torch, numpy. Formula: Salimans et al., "Improved Techniques for Training GANs", 2016, section 3.2, without the
term of a row with itself.

minibatch.json  sizes [B, N, M]; m (B, N, M), o (B, N), dy, dm

Two rows of m are the same, where the absolute value has the slope 0. Values and gradients are checked against loops over
pairs before anything is written."""
import json

import numpy as np
import torch

torch.set_default_dtype(torch.float64)
torch.manual_seed(7)
B, N, M = 19, 3, 4


def values(*shape):
    # multiples of 1/64: exact in f32, and short in a file
    return (torch.randn(*shape) * 0.5 * 64).round() / 64


m = values(B, N, M)
m[3] = m[1]
m.requires_grad_()
close = torch.exp(-(m[:, None] - m[None]).abs().sum(-1))
o = close.sum(1) - 1
dy = values(B, N)
(dm,) = torch.autograd.grad(o, m, dy)

x, g = m.detach().numpy(), dy.numpy()
plain, slope = np.zeros((B, N)), np.zeros((B, N, M))
for n in range(N):
    for i in range(B):
        for j in range(B):
            if i != j:
                c = np.exp(-np.abs(x[i, n] - x[j, n]).sum())
                plain[i, n] += c
                slope[i, n] -= (g[i, n] + g[j, n]) * c * np.sign(x[i, n] - x[j, n])
assert np.abs(plain - o.detach().numpy()).max() < 1e-12 and np.abs(slope - dm.numpy()).max() < 1e-12

short = lambda t: [v if float(np.float32(v)) == v else round(v, 9) for v in t.detach().flatten().tolist()]
with open("minibatch.json", "w") as f:
    arrays = dict(sizes=[B, N, M], m=short(m), o=short(o), dy=short(dy), dm=short(dm))
    json.dump({k: list(map(float, v)) for k, v in arrays.items()}, f, separators=(",", ":"))
    f.write("\n")
