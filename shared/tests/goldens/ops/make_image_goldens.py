"""Goldens of the ops on images from PyTorch: values and gradients. Run in this folder: `python make_image_goldens.py`."""
import torch
import torch.nn.functional as F

from make_goldens import grads, leaf, write

torch.manual_seed(1)


def batch_norm(x, gamma, beta, r=None, group=None, activation=lambda a: a):
    """Each group by F.batch_norm; the statistics it leaves behind with momentum 1."""
    ys, means, variances = [], [], []
    for part in x.split(group or len(x)):
        mean, variance = torch.zeros_like(gamma).detach(), torch.ones_like(gamma).detach()
        ys.append(F.batch_norm(part, mean, variance, gamma, beta, training=True, momentum=1.0, eps=1e-5))
        means.append(mean)
        variances.append(variance)
    y = torch.cat(ys)
    return activation(y if r is None else y + r), torch.cat(means), torch.cat(variances)


for name, shape, group, residual, activation in [
    ("plain", (4, 3, 3, 5), None, False, lambda a: a),
    ("relu", (3, 2, 4, 4), None, False, F.relu),
    ("residual", (2, 3, 3, 3), None, True, F.relu),
    ("tanh", (2, 2, 3, 3), None, True, torch.tanh),
    ("ghost", (5, 2, 3, 3), 2, False, F.relu),
    ("vector", (7, 3, 1, 1), None, True, F.relu),
    ("vector_ghost", (6, 3, 1, 1), 3, False, lambda a: a),
]:
    x = ((torch.randn(*shape) * 2 + 0.7).float().double()).requires_grad_()
    gamma, beta, r = leaf(shape[1]), leaf(shape[1]), leaf(*shape)
    y, mean, variance = batch_norm(x, gamma, beta, r if residual else None, group, activation)
    dy = torch.randn(*shape).float().double()
    dx, dgamma, dbeta, *dr = grads(y, x, gamma, beta, *([r] if residual else []), cotangent=dy)
    write(f"batch_norm_{name}", x=x, gamma=gamma, beta=beta, r=r, y=y, dy=dy, dx=dx, dgamma=dgamma, dbeta=dbeta,
          dr=dr[0] if dr else torch.zeros(0), mean=mean, variance=variance)

x, gamma, beta, r = leaf(3, 2, 3, 3), leaf(2), leaf(2), leaf(3, 2, 3, 3)
mean, variance = torch.randn(2).float().double(), (torch.rand(2) + 0.2).float().double()
y = F.relu(F.batch_norm(x, mean, variance, gamma, beta, training=False, eps=1e-5) + r)
dy = torch.randn_like(y).float().double()
dx, dgamma, dbeta, dr = grads(y, x, gamma, beta, r, cotangent=dy)
write("batch_norm_eval", x=x, gamma=gamma, beta=beta, r=r, mean=mean, variance=variance, y=y, dy=dy, dx=dx,
      dgamma=dgamma, dbeta=dbeta, dr=dr)

# the running statistics of three training passes, and one evaluation after them
bn = torch.nn.BatchNorm2d(2)
xs = (torch.randn(3, 4, 2, 3, 3) * 1.5 - 0.4).float().double()
ys = torch.stack([bn(x) for x in xs])
bn.eval()
write("batch_norm_running", xs=xs, ys=ys, mean=bn.running_mean, variance=bn.running_var, eval=bn(xs[0]))

for name, (h, w, k, s, p) in dict(overlap=(7, 6, 3, 2, 1), plain=(6, 5, 2, 2, 0), dense=(4, 5, 3, 1, 1),
                                  whole=(3, 3, 3, 3, 0)).items():
    # halves, so that ties are common, as after a ReLU
    x = (torch.randn(2, 3, h, w).clamp(min=0) * 2).round().div(2).requires_grad_()
    y = F.max_pool2d(x, k, s, p)
    dy = torch.randn_like(y).float().double()
    write(f"max_pool_{name}", x=x, y=y, dy=dy, dx=grads(y, x, cotangent=dy)[0])
    x = leaf(2, 3, h, w)
    y = F.avg_pool2d(x, k, s, p)
    write(f"avg_pool_{name}", x=x, y=y, dy=dy, dx=grads(y, x, cotangent=dy)[0])

x = leaf(2, 3, 5, 7)
y = F.adaptive_avg_pool2d(x, 1).flatten(1)
dy = torch.randn_like(y).float().double()
write("global_avg_pool", x=x, y=y, dy=dy, dx=grads(y, x, cotangent=dy)[0])

a, b = leaf(2, 1, 2, 3), leaf(2, 3, 2, 3)
y = torch.cat([a, b], 1)
dy = torch.randn_like(y).float().double()
da, db = grads(y, a, b, cotangent=dy)
write("concat", a=a, b=b, y=y, dy=dy, da=da, db=db)

x, r = leaf(3, 5), leaf(3, 5)
y = F.relu(x + r)
dy = torch.randn_like(y).float().double()
dx, dr = grads(y, x, r, cotangent=dy)
write("add_relu", x=x, r=r, y=y, dy=dy, dx=dx, dr=dr)

# alpha of PyTorch is divided by the size; ours, as TensorFlow's, is not
for name, radius, k, alpha, beta in [("cifar10", 4, 1.0, 0.001 / 9, 0.75), ("strong", 1, 0.5, 0.7, 0.6)]:
    x = leaf(2, 6, 2, 3, scale=2.0)
    size = 2 * radius + 1
    y = F.local_response_norm(x, size, alpha=alpha * size, beta=beta, k=k)
    dy = torch.randn_like(y).float().double()
    write(f"response_norm_{name}", x=x, y=y, dy=dy, dx=grads(y, x, cotangent=dy)[0])
