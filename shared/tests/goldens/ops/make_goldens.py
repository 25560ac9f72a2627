"""Goldens of the ops from PyTorch: values and gradients. Run in this folder: `python make_goldens.py`."""
import json

import torch
import torch.nn.functional as F

torch.manual_seed(0)
torch.set_default_dtype(torch.float64)


def write(name, **tensors):
    with open(f"{name}.json", "w") as f:
        json.dump({k: [round(v, 12) for v in t.detach().flatten().tolist()] for k, t in tensors.items()}, f)
        f.write("\n")


def leaf(*shape, scale=1.0):
    # rounded to f32 so that both sides start from the same numbers
    return (torch.randn(*shape) * scale).float().double().requires_grad_()


def grads(out, *leaves, cotangent=None):
    return torch.autograd.grad(out, leaves, cotangent)


for name, f in dict(identity=lambda a: a, relu=F.relu, tanh=torch.tanh, sigmoid=torch.sigmoid).items():
    x, w, b = leaf(5, 4), leaf(3, 4), leaf(3)
    dy = torch.randn(5, 3).float().double()
    y = f(F.linear(x, w, b))
    dx, dw, db = grads(y, x, w, b, cotangent=dy)
    write(f"linear_{name}", x=x, w=w, b=b, y=y, dy=dy, dx=dx, dw=dw, db=db)

o = leaf(6, 5, scale=3.0)
t = torch.randint(0, 5, (6,))
loss = F.cross_entropy(o, t)
write("cross_entropy", o=o, t=t.double(), loss=loss, d=grads(loss, o)[0])

o = leaf(6, 5)
loss = F.multi_margin_loss(o, t)
write("weston_watkins", o=o, t=t.double(), loss=loss, d=grads(loss, o)[0])
own = o.gather(1, t[:, None])
rival = o.masked_fill(F.one_hot(t, 5).bool(), -torch.inf).max(1, keepdim=True).values
loss = F.relu(1 + rival - own).mean()
write("crammer_singer", o=o, t=t.double(), loss=loss, d=grads(loss, o)[0])

# a DCNN: 6 nodes, 3 slices of 7 features, 4 classes, tanh outputs
s = (torch.randn(6, 3, 7) * (torch.rand(6, 3, 7) < 0.3)).float().double()
wc, wd, b = leaf(3, 7), leaf(4, 21), leaf(4)
y = torch.tanh(F.linear(torch.tanh(wc * s).flatten(1), wd, b))
dy = torch.randn(6, 4).float().double()
dwc, dwd, db = grads(y, wc, wd, b, cotangent=dy)
write("diffusion", s=s, wc=wc, wd=wd, b=b, y=y, dy=dy, dwc=dwc, dwd=dwd, db=db)
z = torch.tanh(wc * s)
dz = torch.randn(6, 3, 7).float().double()
write("diffusion_conv", z=z, dz=dz, dwc=grads(z, wc, cotangent=dz)[0])

# last, so that everything before keeps its draws
x, w, b = leaf(5, 4), leaf(3, 4), leaf(3)
dy = torch.randn(5, 3).float().double()
y = F.leaky_relu(F.linear(x, w, b), 0.2)
dx, dw, db = grads(y, x, w, b, cotangent=dy)
write("linear_leakyrelu", x=x, w=w, b=b, y=y, dy=dy, dx=dx, dw=dw, db=db)
