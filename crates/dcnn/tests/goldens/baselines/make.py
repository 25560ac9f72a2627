"""Makes baselines.json: small problems solved by scikit-learn and SciPy.

Run with Python 3, numpy, scipy and scikit-learn (1.9 was used); writes baselines.json beside this file.
"""
import json
import pathlib
import warnings

import numpy as np
import scipy.linalg
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

warnings.filterwarnings("ignore")
rng = np.random.default_rng(1511)


def logistic_problem():
    n, features, classes = 90, 12, 3
    labels = rng.integers(classes, size=n)
    x = rng.random((n, features)) < 0.2
    # the first features lean towards a class each
    for i in range(n):
        for f in range(6):
            if f % classes == labels[i] and rng.random() < 0.4:
                x[i, f] = True
    return (x * rng.integers(1, 4, size=x.shape)).astype(float), labels


def logistic_objective(model, x, y, c, l1):
    """(1/n) sum of losses + R(W) / (n C), from the fitted coefficients alone."""
    scores = x @ model.coef_.T + model.intercept_
    losses = scipy.special.logsumexp(scores, axis=1) - scores[np.arange(len(y)), y]
    penalty = np.abs(model.coef_).sum() if l1 else 0.5 * (model.coef_**2).sum()
    return losses.mean() + penalty / (len(y) * c)


def assert_optimal(model, x, y, c, l1):
    """The minimum-norm subgradient is 0: saga's own stopping rule does not look at the intercept."""
    residuals = model.predict_proba(x) - (y[:, None] == np.arange(model.coef_.shape[0]))
    gradient, w, strength = residuals.T @ x / len(y), model.coef_, 1 / (len(y) * c)
    if l1:
        at_zero = np.sign(gradient) * np.maximum(np.abs(gradient) - strength, 0)
        gradient = np.where(w == 0, at_zero, gradient + strength * np.sign(w))
    else:
        gradient = gradient + strength * w
    largest = max(np.abs(gradient).max(), np.abs(residuals.mean(axis=0)).max())
    print("largest subgradient", largest)
    assert largest < 1e-7, largest


def logistic():
    x, y = logistic_problem()
    train = np.arange(60)
    fits = []
    for penalty, c in [("l1", 0.2), ("l1", 1.0), ("l1", 30.0), ("l2", 0.05), ("l2", 1.0), ("l2", 30.0)]:
        ratio = 1.0 if penalty == "l1" else 0.0
        solver = "saga" if penalty == "l1" else "lbfgs"
        model = LogisticRegression(l1_ratio=ratio, C=c, solver=solver, tol=1e-12, max_iter=2_000_000, random_state=0)
        model.fit(x[train], y[train])
        assert_optimal(model, x[train], y[train], c, penalty == "l1")
        fits.append(
            {
                "penalty": penalty,
                "strength": c,
                "objective": logistic_objective(model, x[train], y[train], c, penalty == "l1"),
                "probabilities": model.predict_proba(x[60:]).tolist(),
                "zeros": int((model.coef_ == 0).sum()),
            }
        )
    return {"x": x.tolist(), "labels": y.tolist(), "train": 60, "classes": 3, "fits": fits}


def svm():
    n, features, classes = 60, 8, 4
    labels = rng.integers(classes, size=n)
    centres = rng.normal(size=(classes, features))
    x = centres[labels] + rng.normal(size=(n, features)) * 0.9
    fits = []
    for c in [0.001, 0.1, 1.0, 100.0]:
        # the primal trust-region solver: the dual one stops far from the optimum at C = 100
        model = LinearSVC(C=c, loss="squared_hinge", dual=False, tol=1e-12, max_iter=100_000)
        model.fit(x, labels)
        scores = x @ model.coef_.T + model.intercept_
        signs = np.where(labels[:, None] == np.arange(classes), 1.0, -1.0)
        hinge = np.maximum(0, 1 - signs * scores)
        losses = hinge**2
        weights = np.c_[model.coef_, model.intercept_]
        gradient = weights - 2 * c * (signs * hinge).T @ np.c_[x, np.ones(n)]
        print("largest gradient", np.abs(gradient).max())
        assert np.abs(gradient).max() < 1e-6 * max(1, c)
        objective = 0.5 * ((model.coef_**2).sum() + (model.intercept_**2).sum()) + c * losses.sum()
        fits.append({"strength": c, "objective": objective, "scores": scores.tolist()})
    return {"x": x.tolist(), "labels": labels.tolist(), "classes": classes, "fits": fits}


def kernels():
    # a weighted graph of 24 nodes with a hub, a self-loop, a separate pair and an isolated node
    n = 24
    a = np.zeros((n, n))
    for i in range(1, 21):
        a[0, i] = a[i, 0] = 1.0
    for _ in range(25):
        i, j = rng.integers(1, 21, size=2)
        weight = float(rng.choice([0.5, 1.0, 2.0]))
        a[i, j] = a[j, i] = weight
    a[5, 5] = 1.0
    a[21, 22] = a[22, 21] = 1.0
    laplacian = np.diag(a.sum(1)) - a
    cases = []
    for alpha in [0.05, 0.7, 4.0]:
        for kind, exponent in [("Exponential", alpha * a), ("LaplacianExponential", -alpha * laplacian)]:
            upper = scipy.linalg.expm(exponent)[np.triu_indices(n)]
            cases.append({"kind": kind, "alpha": alpha, "upper_triangle": upper.tolist()})
    return {"adjacency": a.tolist(), "cases": cases}


golden = {"logistic": logistic(), "svm": svm(), "kernels": kernels()}
path = pathlib.Path(__file__).with_name("baselines.json")
path.write_text(json.dumps(golden) + "\n")
print(path, path.stat().st_size, "bytes")
for fit in golden["logistic"]["fits"]:
    print(fit["penalty"], fit["strength"], fit["objective"], fit["zeros"])
