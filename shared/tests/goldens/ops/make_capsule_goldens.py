"""Goldens of the capsule ops from PyTorch in f64: values and gradients. Run in this folder: `python make_capsule_goldens.py`.

Requirements: torch, numpy. Formulas: Sabour, Frosst and Hinton, "Dynamic Routing Between Capsules", 2017.

squash.json          sizes [B, I, D]; x, y, dy, dx
squash_primary.json  sizes [B, T, D, H, W]; x (B, T*D, H, W), y (B, T*H*W, D), dy, dx; capsule type*H*W + h*W + w
routing_NAME.json    sizes [B, I, J, D1, D2, r]; u (B, I, D1), w (I, J, D2, D1), bias (J, D2) where there is one,
                     v (B, J, D2), c (B, I, J) of the last pass, dv, du, dw, dbias where there is a bias
margin_loss.json     sizes [B, J, D]; v, t (B, J), and loss, dv of three forms: as printed, `_authors`, `_unsquared`;
                     in crates/capsules/tests/goldens, because that crate's tests read it

`last` in a name: the coupling coefficients are constants for the gradient. `all`: the gradient goes through every pass.
The routing is checked against loops over single capsules, and its gradients against finite differences, before anything
is written."""
import json

import numpy as np
import torch

torch.set_default_dtype(torch.float64)
EPS = 1e-8


def short(v):
    # what f32 holds exactly, as the inputs do, stays as it is
    return v if float(np.float32(v)) == v else round(v, 9)


def write(name, sizes, **tensors):
    arrays = {k: [short(v) for v in t.detach().flatten().tolist()] for k, t in tensors.items()}
    with open(f"{name}.json", "w") as f:
        json.dump(dict(sizes=list(map(float, sizes)), **arrays), f, separators=(",", ":"))
        f.write("\n")


def values(*shape, scale=1.0):
    # multiples of 1/64: exact in f32, and short in a file
    return (torch.randn(*shape) * scale * 64).round() / 64


def leaf(*shape, scale=1.0):
    return values(*shape, scale=scale).requires_grad_()


def squash(s):
    n2 = (s * s).sum(-1, keepdim=True)
    return n2 / (1 + n2) * s / torch.sqrt(n2 + EPS)


def primary(x, types):
    b, channels, h, w = x.shape
    return squash(x.view(b, types, channels // types, h, w).permute(0, 1, 3, 4, 2).flatten(1, 3))


def couple(logits, over, leaky):
    if leaky:
        logits = torch.cat([logits, torch.zeros_like(logits[..., :1])], -1)
    c = torch.softmax(logits, dim=dict(parents=2, children=1)[over])
    return c[..., :-1] if leaky else c


def route(u, w, bias=None, passes=3, through="all", over="parents", leaky=False):
    """The capsules v and the coupling coefficients c of the last pass."""
    u_hat = torch.einsum("ijdk,bik->bijd", w, u)
    steady, offset = (u_hat, bias) if through == "all" else (u_hat.detach(), None if bias is None else bias.detach())
    logits = torch.zeros(u_hat.shape[:3])
    for n in range(passes):
        last = n == passes - 1
        c = couple(logits, over, leaky)
        s = torch.einsum("bij,bijd->bjd", c, u_hat if last else steady)
        beta = bias if last else offset
        v = squash(s if beta is None else s + beta)
        if not last:
            logits = logits + torch.einsum("bijd,bjd->bij", steady, v)
    return v, c


def route_by_loops(u, w, bias=None, passes=3, over="parents", leaky=False):
    """The same, example by example and capsule by capsule, in NumPy."""
    (batch, children, _), (_, parents, d2, _) = u.shape, w.shape
    vs, cs = np.zeros((batch, parents, d2)), np.zeros((batch, children, parents))
    for x in range(batch):
        b = np.zeros((children, parents))
        for n in range(passes):
            e = np.exp(b)
            for i in range(children):
                for j in range(parents):
                    total = e[i].sum() + leaky if over == "parents" else e[:, j].sum()
                    cs[x, i, j] = e[i, j] / total
            for j in range(parents):
                s = np.zeros(d2) if bias is None else bias[j].copy()
                for i in range(children):
                    s += cs[x, i, j] * (w[i, j] @ u[x, i])
                length = np.sqrt(s @ s + EPS)
                vs[x, j] = s @ s / (1 + s @ s) * s / length
            for i in range(children):
                for j in range(parents):
                    b[i, j] += (w[i, j] @ u[x, i]) @ vs[x, j]
    return vs, cs


def with_constant_coupling(u, w, bias, c):
    """What the gradient of `last` is the derivative of: the last pass, with c as given."""
    s = torch.einsum("bij,ijdk,bik->bjd", c, w, u)
    return squash(s if bias is None else s + bias)


def check(inputs, passes, through, over, leaky, v, c):
    u, w, *bias = inputs
    beta = bias[0] if bias else None
    plain = [t.detach().numpy() for t in inputs]
    vs, cs = route_by_loops(*plain, **({} if bias else dict(bias=None)), passes=passes, over=over, leaky=leaky)
    assert np.abs(vs - v.detach().numpy()).max() < 1e-12 and np.abs(cs - c.detach().numpy()).max() < 1e-12
    if through == "all":
        function = lambda u, w, *bias: route(u, w, *bias, passes=passes, over=over, leaky=leaky)[0]
        assert torch.autograd.gradcheck(function, inputs, eps=1e-6, atol=1e-7, fast_mode=u.numel() * w.numel() > 1e5)
    else:
        fixed = c.detach()
        function = lambda u, w, *bias: with_constant_coupling(u, w, bias[0] if bias else None, fixed)
        assert torch.autograd.gradcheck(function, inputs, eps=1e-6, atol=1e-7, fast_mode=u.numel() * w.numel() > 1e5)
        cotangent = torch.randn_like(v)
        ours = torch.autograd.grad(v, inputs, cotangent, retain_graph=True)
        theirs = torch.autograd.grad(with_constant_coupling(u, w, beta, fixed), inputs, cotangent)
        assert all((a - b).abs().max() < 1e-12 for a, b in zip(ours, theirs))


def squash_goldens():
    x = values(3, 5, 6)
    x[0, 0] = 0.0  # no direction: y and dx are zero
    x[0, 1] *= 2.0**-10  # near ε
    x[2, 4] *= 32.0
    x.requires_grad_()
    y = squash(x)
    dy = values(*y.shape)
    write("squash", x.shape, x=x, y=y, dy=dy, dx=torch.autograd.grad(y, x, dy)[0])

    b, t, d, h, w = 3, 3, 4, 2, 3
    x = leaf(b, t * d, h, w)
    y = primary(x, t)
    dy = values(*y.shape)
    assert y[1, 2 * h * w + 1 * w + 2, 3] == squash(x[1, 2 * d:3 * d, 1, 2])[3]
    write("squash_primary", (b, t, d, h, w), x=x, y=y, dy=dy, dx=torch.autograd.grad(y, x, dy)[0])


def routing_goldens():
    odd, paper = (3, 7, 4, 5, 6), (2, 9, 10, 8, 16)
    variants = dict(
        uniform=(odd, dict(passes=1)),
        last=(odd, dict(through="last")),
        all=(odd, {}),
        bias_last=(odd, dict(through="last")),
        bias_all=(odd, {}),
        leaky_last=(odd, dict(through="last", leaky=True)),
        leaky_all=(odd, dict(leaky=True)),
        children_last=(odd, dict(passes=2, through="last", over="children")),
        children_all=(odd, dict(passes=2, over="children")),
        paper_last=(paper, dict(through="last")),
        paper_all=(paper, {}),
    )
    for name, (sizes, options) in variants.items():
        options = dict(passes=3, through="all", over="parents", leaky=False) | options
        b, i, j, d1, d2 = sizes
        inputs = [leaf(b, i, d1), leaf(i, j, d2, d1, scale=0.5)] + ([leaf(j, d2, scale=0.5)] if "bias" in name else [])
        v, c = route(*inputs, **options)
        check(inputs, **options, v=v, c=c)
        dv = values(*v.shape)
        gradients = dict(zip(("du", "dw", "dbias"), torch.autograd.grad(v, inputs, dv)))
        write(f"routing_{name}", (*sizes, options["passes"]), **dict(zip(("u", "w", "bias"), inputs)), v=v, c=c, dv=dv,
              **gradients)
        spread = c.amax(2).mean() / c.mean()
        print(f"routing_{name}: lengths {v.norm(dim=2).min():.3f}..{v.norm(dim=2).max():.3f}, "
              f"coupling {c.min():.4f}..{c.max():.4f}, largest over mean {spread:.2f}")


def margin_goldens():
    b, j, d = 5, 10, 4
    v = values(b, j, d)
    wanted = torch.rand(b, j, 1)
    for kink in (0.1, 0.9):
        wanted[(wanted - kink).abs() < 0.005] += 0.01
    v = v / v.norm(dim=2, keepdim=True) * wanted
    v[0, 3] = 0.0  # absent, and no length at all
    v[1, 2] = 0.0  # present, and no length at all
    v[2, 5] *= 0.95 / v[2, 5].norm()  # present, and long enough: no loss
    v[3, 1] *= 0.05 / v[3, 1].norm()  # absent, and short enough: no loss
    v = (v * 4096).round().div(4096).requires_grad_()
    t = torch.zeros(b, j)
    for row, classes in enumerate([[0], [2], [5], [8, 4], []]):  # two digits in one example, none in another
        t[row, classes] = 1.0
    length = torch.sqrt((v * v).sum(2) + EPS)
    assert (length - 0.9).abs().min() > 1e-3 and (length - 0.1).abs().min() > 1e-3  # no kink within reach of f32
    lacking, excess = torch.relu(0.9 - length), torch.relu(length - 0.1)
    out = {}
    printed = (t * lacking**2 + 0.5 * (1 - t) * excess**2).sum(1).mean()
    authors = (0.5 * (t * lacking**2 + 0.5 * (1 - t) * excess**2)).mean()
    assert abs(authors - printed / 20) < 1e-15
    unsquared = (t * lacking + 0.5 * (1 - t) * excess).sum(1).mean()
    for suffix, loss in {"": printed, "_authors": authors, "_unsquared": unsquared}.items():
        out["loss" + suffix], out["dv" + suffix] = loss, torch.autograd.grad(loss, v, retain_graph=True)[0]
    write("../../../../crates/capsules/tests/goldens/margin_loss", (b, j, d), v=v, t=t, **out)


torch.manual_seed(2)
squash_goldens()
routing_goldens()
margin_goldens()
