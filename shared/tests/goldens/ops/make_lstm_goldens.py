"""Goldens of the LSTM layer and of the embedding from PyTorch in f64. Run in this folder: `python make_lstm_goldens.py`.

Requirements: torch, numpy.

lstm_NAME.json  sizes [S, B, I, H]; x (S, B, I), w (4H, I), u (4H, H), b_w and b_u (4H), h0 and c0 (B, H); y (S, B, H), the
                state after it h and c (B, H); dy, and the gradients of sum(y dy) by all that was given: dx, dw, ..
embedding.json  sizes [V, M]; table (V, M), symbols (N); y (N, M), dy, dtable
char_lstm.json  sizes [V, M, H, S, B]; the state dictionary of Embedding, LSTM and Linear under PyTorch's names; two pieces of
                symbols (2, S, B), targets (2, S, B), and the cross-entropy of each, the state carried over and detached;
                grad.NAME: gradients of the second piece's loss

The values of the first case are checked against the equations in numpy before anything is written."""
import json

import numpy as np
import torch

torch.set_default_dtype(torch.float64)
torch.manual_seed(11)


def values(*shape, scale=0.5):
    # multiples of 1/64: exact in f32, and short in a file
    return (torch.randn(*shape) * scale * 64).round() / 64


def leaf(*shape, scale=0.5):
    return values(*shape, scale=scale).requires_grad_()


def write(name, **arrays):
    short = lambda v: v if float(np.float32(v)) == v else float(f"{v:.10g}")
    flat = lambda t: t.detach().flatten().tolist() if isinstance(t, torch.Tensor) else t
    with open(f"{name}.json", "w") as f:
        json.dump({k: [short(float(v)) for v in flat(t)] for k, t in arrays.items()}, f, separators=(",", ":"))
        f.write("\n")


def load(layer, w, u, b_w, b_u):
    for name, value in dict(weight_ih_l0=w, weight_hh_l0=u, bias_ih_l0=b_w, bias_hh_l0=b_u).items():
        getattr(layer, name).data.copy_(value)


def by_hand(x, w, u, b_w, b_u, h, c):
    sigmoid = lambda a: 1 / (1 + np.exp(-a))
    out = []
    for x_t in x:
        i, f, g, o = np.split(x_t @ w.T + b_w + h @ u.T + b_u, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        out.append(h)
    return np.stack(out), c


for name, (s, b, i, h) in dict(plain=(5, 3, 4, 6), one=(1, 2, 3, 2), long=(12, 1, 1, 3)).items():
    x, h0, c0 = leaf(s, b, i, scale=1.0), leaf(b, h), leaf(b, h, scale=1.0)
    w, u, b_w, b_u = values(4 * h, i), values(4 * h, h), values(4 * h), values(4 * h)
    layer = torch.nn.LSTM(i, h)
    load(layer, w, u, b_w, b_u)
    y, (h_s, c_s) = layer(x, (h0[None], c0[None]))
    numbers = [t.detach().numpy() for t in (x, w, u, b_w, b_u, h0, c0)]
    hand_y, hand_c = by_hand(*numbers)
    assert np.abs(hand_y - y.detach().numpy()).max() < 1e-12 and np.abs(hand_c - c_s[0].detach().numpy()).max() < 1e-12
    dy = values(s, b, h, scale=1.0)
    leaves = [x, *layer.parameters(), h0, c0]
    assert [n for n, _ in layer.named_parameters()] == ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"]
    dx, dw, du, db_w, db_u, dh0, dc0 = torch.autograd.grad(y, leaves, dy)
    write(f"lstm_{name}", sizes=[s, b, i, h], x=x, w=w, u=u, b_w=b_w, b_u=b_u, h0=h0, c0=c0, y=y, h=h_s, c=c_s, dy=dy, dx=dx,
          dw=dw, du=du, db_w=db_w, db_u=db_u, dh0=dh0, dc0=dc0)

table, symbols = leaf(5, 3), torch.tensor([4, 0, 4, 2, 4, 0])
y = torch.nn.functional.embedding(symbols, table)
dy = values(*y.shape)
write("embedding", sizes=[5, 3], table=table, symbols=symbols, y=y, dy=dy, dtable=torch.autograd.grad(y, table, dy)[0])

v, m, h, s, b = 5, 3, 4, 6, 2
net = torch.nn.ModuleDict(dict(embedding=torch.nn.Embedding(v, m), lstm=torch.nn.LSTM(m, h), output=torch.nn.Linear(h, v)))
for p in net.parameters():
    p.data.copy_(values(*p.shape))
text = torch.randint(v, (2, s, b))
targets = torch.randint(v, (2, s, b))
losses, state = [], None
for piece, target in zip(text, targets):
    y, state = net["lstm"](net["embedding"](piece), state)
    losses.append(torch.nn.functional.cross_entropy(net["output"](y).flatten(0, 1), target.flatten()))
    state = tuple(t.detach() for t in state)
grads = torch.autograd.grad(losses[1], list(net.parameters()))
names = [n for n, _ in net.named_parameters()]
write("char_lstm", sizes=[v, m, h, s, b], text=text, targets=targets, losses=torch.stack(losses), **dict(net.named_parameters()),
      **{f"grad.{n}": g for n, g in zip(names, grads)})
print(names)
