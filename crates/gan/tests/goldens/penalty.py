"""Gradient penalties by PyTorch's double backward, for critic/tests.rs. Writes penalty.json beside itself."""

import json
import pathlib

import torch
import torch.nn.functional as F

torch.manual_seed(5)
torch.set_default_dtype(torch.float64)


def single(*shape, scale=1.0):
    """Values that single precision holds exactly."""
    return (torch.randn(*shape) * scale).float().double()


out = {}
for name, f in dict(tanh=torch.tanh, leaky=lambda a: F.leaky_relu(a, 0.2)).items():
    params = {
        "first.weight": single(8, 2), "first.bias": single(8, scale=0.3),
        "second.weight": single(8, 8, scale=0.5), "second.bias": single(8, scale=0.3),
        "last.weight": single(1, 8, scale=0.6), "last.bias": single(1),
    }
    for p in params.values():
        p.requires_grad_()
    x = single(5, 2)

    def critic(x):
        h = f(F.linear(x, params["first.weight"], params["first.bias"]))
        h = f(F.linear(h, params["second.weight"], params["second.bias"]))
        return F.linear(h, params["last.weight"], params["last.bias"])

    at = x.clone().requires_grad_()
    slope = torch.autograd.grad(critic(at).sum(), at, create_graph=True)[0]
    norm = slope.norm(dim=1)
    case = {"x": x, **{k: v.detach() for k, v in params.items()}}
    for penalty, value in dict(lipschitz=10 * ((norm - 1) ** 2).mean(), centred=0.5 * 3 * (norm**2).mean()).items():
        grads = torch.autograd.grad(value, list(params.values()), retain_graph=True, allow_unused=True)
        case[penalty] = value.detach()
        for key, g in zip(params, grads):
            case[f"{penalty}.{key}"] = torch.zeros_like(params[key]) if g is None else g
    out[name] = {k: v.flatten().tolist() for k, v in case.items()}

path = pathlib.Path(__file__).with_suffix(".json")
path.write_text(json.dumps(out, indent=1) + "\n")
