"""Goldens of the convolutions from PyTorch: values and gradients. Run in this folder: `python make_conv_goldens.py`.

`sizes` is [B, C, H, W, O, K, S, P]."""
import json

import torch
import torch.nn.functional as F

torch.manual_seed(1)
torch.set_default_dtype(torch.float64)


def leaf(*shape, scale=1.0):
    # rounded to f32 so that both sides start from the same numbers
    return (torch.randn(*shape) * scale).float().double().requires_grad_()


def write(name, sizes, x, w, b, y):
    dy = torch.randn(y.shape).float().double()
    dx, dw, db = torch.autograd.grad(y, (x, w, b), dy)
    tensors = dict(x=x, w=w, b=b, y=y, dy=dy, dx=dx, dw=dw, db=db)
    arrays = {k: [round(v, 10) for v in t.detach().flatten().tolist()] for k, t in tensors.items()}
    with open(f"{name}.json", "w") as f:
        json.dump(dict(sizes=list(map(float, sizes)), **arrays), f)
        f.write("\n")


functions = dict(identity=lambda a: a, relu=F.relu, tanh=torch.tanh, sigmoid=torch.sigmoid)

# name: B, C, H, W, O, K, S, P, function
forth = dict(
    same=(2, 3, 7, 5, 9, 3, 1, 1, "relu"),
    down=(2, 2, 9, 7, 5, 3, 2, 1, "identity"),
    pointwise=(1, 5, 4, 6, 3, 1, 1, 0, "tanh"),
    pointwise_down=(2, 3, 5, 5, 4, 1, 2, 0, "identity"),
    capsules=(2, 2, 11, 11, 4, 9, 2, 0, "relu"),
    wide=(1, 1, 3, 40, 2, 5, 1, 2, "sigmoid"),
    mostly_padding=(1, 2, 2, 2, 3, 5, 3, 4, "identity"),
)
for name, (b, c, h, w, o, k, s, p, f) in forth.items():
    x, weight, bias = leaf(b, c, h, w), leaf(o, c, k, k, scale=0.3), leaf(o)
    y = functions[f](F.conv2d(x, weight, bias, stride=s, padding=p))
    write(f"conv2d_{name}", (b, c, h, w, o, k, s, p), x, weight, bias, y)

back = dict(
    up=(2, 5, 4, 3, 3, 4, 2, 1, "relu"),
    seed=(3, 6, 1, 1, 2, 4, 1, 0, "identity"),
    gaps=(1, 2, 3, 4, 3, 2, 3, 0, "tanh"),
)
for name, (b, c, h, w, o, k, s, p, f) in back.items():
    x, weight, bias = leaf(b, c, h, w), leaf(c, o, k, k, scale=0.3), leaf(o)
    y = functions[f](F.conv_transpose2d(x, weight, bias, stride=s, padding=p))
    write(f"conv_transpose2d_{name}", (b, c, h, w, o, k, s, p), x, weight, bias, y)
