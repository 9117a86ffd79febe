"""Answers to the exercises of chapter 13, written from their texts alone."""

import math

import torch
import torch.nn.functional as F

from tools.try_answers import right, wrong


def newton(
    D,
    y,
    pv=1.0,
    steps=60,
    damped=True,
    slope_prior=1.0,
    curve_prior=1.0,
    cov_prior=1.0,
    at=None,
    wide=True,
):
    """Mean and covariance, with each part of the recipe to be spoiled."""
    D, y = (D.double(), y.double()) if wide else (D.float(), y.float())
    eye = torch.eye(D.shape[1], dtype=D.dtype) / pv
    w = torch.zeros(D.shape[1], dtype=D.dtype)

    def height(w):
        z = D @ w
        return (y * z - F.softplus(z)).sum() - slope_prior * (w @ eye @ w) / 2

    for _ in range(steps):
        p = (D @ w).sigmoid()
        curvature = curve_prior * eye + D.T @ ((p * (1 - p))[:, None] * D)
        step = torch.linalg.solve(curvature, D.T @ (y - p) - slope_prior * eye @ w)
        while damped and height(w + step) < height(w) and step.abs().max() > 1e-10:
            step = step / 2
        w = w + step
    p = (D @ (w if at is None else at(w))).sigmoid()
    curvature = cov_prior * eye + D.T @ ((p * (1 - p))[:, None] * D)
    return w, torch.linalg.inv(curvature)


right("13.1")(newton)


@right("13.1")
def by_lbfgs(D, y, prior_variance=1.0):
    D, y = D.double(), y.double()
    w = torch.zeros(D.shape[1], dtype=torch.float64, requires_grad=True)

    def loss(w):
        z = D @ w
        bce = F.binary_cross_entropy_with_logits(z, y, reduction="sum")
        return bce + w.square().sum() / (2 * prior_variance)

    optimizer = torch.optim.LBFGS(
        [w], max_iter=500, tolerance_grad=1e-12, tolerance_change=1e-16,
        line_search_fn="strong_wolfe",
    )  # fmt: skip

    def closure():
        optimizer.zero_grad()
        value = loss(w)
        value.backward()
        return value

    optimizer.step(closure)
    found = w.detach()
    return found, torch.linalg.inv(torch.autograd.functional.hessian(loss, found))


@right("13.1")
def by_irls(D, y, prior_variance=1.0):
    """Steps in the log-posterior's own trust: a ridge that grows where it fails."""
    D, y = D.double(), y.double()
    d = D.shape[1]
    eye, w, ridge = torch.eye(d).double(), torch.zeros(d).double(), 0.0

    def height(w):
        z = D @ w
        ll = y * F.logsigmoid(z) + (1 - y) * F.logsigmoid(-z)
        return ll.sum() - w.dot(w) / (2 * prior_variance)

    for _ in range(400):
        p = (D @ w).sigmoid()
        H = (D * (p * (1 - p)).unsqueeze(1)).T @ D + eye / prior_variance
        g = (y - p) @ D - w / prior_variance
        new = w + torch.linalg.inv(H + ridge * eye) @ g
        if height(new) >= height(w):
            w, ridge = new, ridge / 4
        else:
            ridge = 4 * ridge + 1e-3
    p = (D @ w).sigmoid()
    H = (D * (p * (1 - p)).unsqueeze(1)).T @ D + eye / prior_variance
    return w, torch.cholesky_inverse(torch.linalg.cholesky(H))


@right("13.1")
def by_scipy(D, y, prior_variance=1.0):
    import numpy as np
    from scipy.optimize import minimize

    X, t = D.double().numpy(), y.double().numpy()

    def loss(w):
        z = X @ w
        return np.logaddexp(0, z).sum() - t @ z + w @ w / (2 * prior_variance)

    def slope(w):
        return X.T @ (1 / (1 + np.exp(-X @ w)) - t) + w / prior_variance

    def curve(w):
        p = 1 / (1 + np.exp(-X @ w))
        return X.T @ ((p * (1 - p))[:, None] * X) + np.eye(X.shape[1]) / prior_variance

    found = minimize(
        loss, np.zeros(X.shape[1]), jac=slope, hess=curve, method="trust-exact",
        options={"gtol": 1e-12},
    ).x  # fmt: skip
    return torch.tensor(found), torch.tensor(np.linalg.inv(curve(found)))


wrong("13.1", "no prior at the mean")(
    lambda D, y, pv=1.0: newton(D, y, pv, steps=20, slope_prior=0.0)
)
wrong("13.1", "no prior in the covariance")(
    lambda D, y, pv=1.0: (
        newton(D, y, pv)[0],
        torch.linalg.pinv(newton(D, y, pv, cov_prior=1e-9)[1].inverse()),
    )
)
wrong("13.1", "the curvature, not its inverse")(
    lambda D, y, pv=1.0: (newton(D, y, pv)[0], newton(D, y, pv)[1].inverse())
)
wrong("13.1", "covariance at zero weights")(
    lambda D, y, pv=1.0: newton(D, y, pv, at=lambda w: 0 * w)
)
wrong("13.1", "one Newton step")(lambda D, y, pv=1.0: newton(D, y, pv, steps=1))
wrong("13.1", "three Newton steps")(lambda D, y, pv=1.0: newton(D, y, pv, steps=3))
wrong("13.1", "no damping")(lambda D, y, pv=1.0: newton(D, y, pv, damped=False))
wrong("13.1", "prior variance left out")(lambda D, y, pv=1.0: newton(D, y))
wrong("13.1", "prior variance as precision")(
    lambda D, y, pv=1.0: newton(D, y, 1.0 / pv)
)
wrong("13.1", "prior variance squared")(lambda D, y, pv=1.0: newton(D, y, pv**2))
wrong("13.1", "root of the prior variance")(lambda D, y, pv=1.0: newton(D, y, pv**0.5))
wrong("13.1", "prior without the half")(lambda D, y, pv=1.0: newton(D, y, pv / 2))
wrong("13.1", "wins for b")(lambda D, y, pv=1.0: newton(D, 1 - y, pv))
wrong("13.1", "b minus a")(lambda D, y, pv=1.0: newton(-D, y, pv))
wrong("13.1", "single precision")(
    lambda D, y, pv=1.0: tuple(t.float() for t in newton(D, y, pv))
)
wrong("13.1", "worked in single, returned as double")(
    lambda D, y, pv=1.0: tuple(t.double() for t in newton(D, y, pv, wide=False))
)
wrong("13.1", "deviations, not the covariance")(
    lambda D, y, pv=1.0: (newton(D, y, pv)[0], newton(D, y, pv)[1].diagonal().sqrt())
)
wrong("13.1", "only the diagonal")(
    lambda D, y, pv=1.0: (newton(D, y, pv)[0], newton(D, y, pv)[1].diagonal().diag())
)
wrong("13.1", "inverse of the diagonal")(
    lambda D, y, pv=1.0: (
        newton(D, y, pv)[0],
        newton(D, y, pv)[1].inverse().diagonal().reciprocal().diag(),
    )
)
wrong("13.1", "root of the covariance")(
    lambda D, y, pv=1.0: (
        newton(D, y, pv)[0],
        torch.linalg.cholesky(newton(D, y, pv)[1]),
    )
)
wrong("13.1", "a tie as a win of b")(lambda D, y, pv=1.0: newton(D, y > 0.5, pv))
wrong("13.1", "a tie as a win of a")(lambda D, y, pv=1.0: newton(D, y >= 0.5, pv))
wrong("13.1", "ties left out")(
    lambda D, y, pv=1.0: newton(D[y != 0.5], y[y != 0.5], pv)
)
wrong("13.1", "the mean of the votes, not the sum")(
    lambda D, y, pv=1.0: newton(D, y, pv / max(1, len(y)))
)
wrong("13.1", "order of the two results")(lambda D, y, pv=1.0: newton(D, y, pv)[::-1])
wrong("13.1", "mean as a column")(
    lambda D, y, pv=1.0: (newton(D, y, pv)[0][:, None], newton(D, y, pv)[1])
)
wrong("13.1", "the mean alone")(lambda D, y, pv=1.0: newton(D, y, pv)[0])


@wrong("13.1", "curvature without p (1 - p)")
def least_squares_curvature(D, y, prior_variance=1.0):
    w, _ = newton(D, y, prior_variance)
    D = D.double()
    return w, torch.linalg.inv(D.T @ D + torch.eye(len(w)).double() / prior_variance)


@wrong("13.1", "curvature with y (1 - y)")
def curvature_of_wins(D, y, prior_variance=1.0):
    w, _ = newton(D, y, prior_variance)
    D, y = D.double(), y.double()
    eye = torch.eye(len(w)).double() / prior_variance
    return w, torch.linalg.inv(eye + D.T @ ((y * (1 - y))[:, None] * D))


@wrong("13.1", "linear regression on the wins")
def regression(D, y, prior_variance=1.0):
    D, y = D.double(), y.double()
    C = torch.linalg.inv(D.T @ D + torch.eye(D.shape[1]).double() / prior_variance)
    return C @ D.T @ (2 * y - 1), C


@wrong("13.1", "gradient ascent that stops early")
def few_slopes(D, y, prior_variance=1.0):
    D, y = D.double(), y.double()
    w = torch.zeros(D.shape[1]).double()
    for _ in range(100):
        w = w + 0.01 * (D.T @ (y - (D @ w).sigmoid()) - w / prior_variance)
    p = (D @ w).sigmoid()
    eye = torch.eye(len(w)).double() / prior_variance
    return w, torch.linalg.inv(eye + D.T @ ((p * (1 - p))[:, None] * D))


@right("13.1")
def naive_logs(D, y, prior_variance=1.0):
    D, y = D.double(), y.double()
    w = torch.zeros(D.shape[1]).double()
    eye = torch.eye(len(w)).double() / prior_variance

    def height(w):
        p = (D @ w).sigmoid()
        ll = y * p.log() + (1 - y) * (1 - p).log()
        return ll.sum() - w @ w / (2 * prior_variance)

    for _ in range(60):
        p = (D @ w).sigmoid()
        H = eye + D.T @ ((p * (1 - p))[:, None] * D)
        step = torch.linalg.solve(H, D.T @ (y - p) - eye @ w)
        while not height(w + step) >= height(w) and step.abs().max() > 1e-10:
            step = step / 2
        w = w + step
    return w, torch.linalg.inv(H)


@wrong("13.1", "only the wins' half of the likelihood")
def half(D, y, prior_variance=1.0):
    D, y = D.double(), y.double()
    w = torch.zeros(D.shape[1]).double()
    eye = torch.eye(len(w)).double() / prior_variance
    for _ in range(200):
        p = (D @ w).sigmoid()
        H = eye + D.T @ ((y * p * (1 - p))[:, None] * D)
        w = w + 0.3 * torch.linalg.solve(H, D.T @ (y * (1 - p)) - eye @ w)
    return w, torch.linalg.inv(H)


@wrong("13.1", "probit in place of the sigmoid")
def probit(D, y, prior_variance=1.0):
    D, y = D.double(), y.double()
    normal = torch.distributions.Normal(0.0, 1.0)
    w = torch.zeros(D.shape[1]).double()
    eye = torch.eye(len(w)).double() / prior_variance
    for _ in range(50):
        p = normal.cdf(D @ w)
        H = eye + D.T @ ((p * (1 - p))[:, None] * D)
        w = w + 0.5 * torch.linalg.solve(H, D.T @ (y - p) - eye @ w)
    return w, torch.linalg.inv(H)


# 13.2 ---------------------------------------------------------------------------------


def spread(m, C, X):
    return torch.einsum("pi,ij,pj->p", X, C, X)


def odds(m, X):
    return torch.sigmoid(X @ m)


def best(scores):
    return int(scores.argmax())


right("13.2")(lambda m, C, X: best(spread(m, C, X) * odds(m, X) * (1 - odds(m, X))))


@right("13.2")
def in_a_loop(mean, covariance, differences):
    found, most = 0, -1.0
    for place, x in enumerate(differences):
        z = float(x @ mean)
        p = 1 / (1 + math.exp(-z)) if z > -700 else 0.0
        worth = float(x @ covariance @ x) * p * (1 - p)
        if worth > most:
            found, most = place, worth
    return found


@right("13.2")
def in_logs(mean, covariance, differences):
    z = differences @ mean
    log_variance = ((differences @ covariance) * differences).sum(-1).log()
    return (log_variance + F.logsigmoid(z) + F.logsigmoid(-z)).argmax().item()


right("13.2")(
    lambda m, C, X: max(
        range(len(X)),
        key=lambda i: float(X[i] @ C @ X[i] / (2 + 2 * torch.cosh(X[i] @ m))),
    )
)
wrong("13.2", "variance alone")(lambda m, C, X: best(spread(m, C, X)))
wrong("13.2", "p (1 - p) alone")(
    lambda m, C, X: best(odds(m, X) * (1 - odds(m, X)) + 0 * C.sum())
)
wrong("13.2", "p alone as the second factor")(
    lambda m, C, X: best(spread(m, C, X) * odds(m, X))
)
wrong("13.2", "the smallest")(
    lambda m, C, X: int((spread(m, C, X) * odds(m, X) * (1 - odds(m, X))).argmin())
)
wrong("13.2", "deviation for variance")(
    lambda m, C, X: best(spread(m, C, X).sqrt() * odds(m, X) * (1 - odds(m, X)))
)
wrong("13.2", "diagonal of the covariance")(
    lambda m, C, X: best((X**2 @ C.diagonal()) * odds(m, X) * (1 - odds(m, X)))
)
wrong("13.2", "inverse of the covariance")(
    lambda m, C, X: best(spread(m, C.inverse(), X) * odds(m, X) * (1 - odds(m, X)))
)
wrong("13.2", "length for variance")(
    lambda m, C, X: best(X.square().sum(1) * odds(m, X) * (1 - odds(m, X)))
)
wrong("13.2", "the sum of the two")(
    lambda m, C, X: best(spread(m, C, X) + odds(m, X) * (1 - odds(m, X)))
)
wrong("13.2", "a tensor, not an int")(
    lambda m, C, X: (spread(m, C, X) * odds(m, X) * (1 - odds(m, X))).argmax()
)
wrong("13.2", "counted from 1")(
    lambda m, C, X: best(spread(m, C, X) * odds(m, X) * (1 - odds(m, X))) + 1
)
wrong("13.2", "the value, not the place")(
    lambda m, C, X: float((spread(m, C, X) * odds(m, X) * (1 - odds(m, X))).max())
)
wrong("13.2", "closest to even")(lambda m, C, X: int((X @ m).abs().argmin()))
wrong("13.2", "surest margin")(lambda m, C, X: int((X @ m).abs().argmax()))
wrong("13.2", "upper confidence bound")(
    lambda m, C, X: best(X @ m + spread(m, C, X).sqrt())
)
wrong("13.2", "no sigmoid")(
    lambda m, C, X: best(spread(m, C, X) * (X @ m) * (1 - X @ m))
)
wrong("13.2", "entropy for p (1 - p)")(
    lambda m, C, X: best(
        spread(m, C, X)
        * F.binary_cross_entropy(odds(m, X), odds(m, X), reduction="none")
    )
)
wrong("13.2", "root of p (1 - p)")(
    lambda m, C, X: best(spread(m, C, X) * (odds(m, X) * (1 - odds(m, X))).sqrt())
)
wrong("13.2", "all pairs' products summed")(
    lambda m, C, X: best((X @ C @ X.T).sum(1) * odds(m, X) * (1 - odds(m, X)))
)
wrong("13.2", "C x without x")(
    lambda m, C, X: best((X @ C).sum(1) * odds(m, X) * (1 - odds(m, X)))
)
wrong("13.2", "minus for times")(
    lambda m, C, X: best(spread(m, C, X) * odds(m, X) - (1 - odds(m, X)))
)
wrong("13.2", "softmax over the pairs")(
    lambda m, C, X: best(
        spread(m, C, X) * (X @ m).softmax(0) * (1 - (X @ m).softmax(0))
    )
)
wrong("13.2", "margin scaled by its deviation")(
    lambda m, C, X: best(
        spread(m, C, X)
        * torch.sigmoid((X @ m) / spread(m, C, X).sqrt())
        * torch.sigmoid(-(X @ m) / spread(m, C, X).sqrt())
    )
)


# 13.3 ---------------------------------------------------------------------------------

WINS = {"a": 1.0, "b": 0.0, "tie": 0.5}


def built(votes, features, wins=WINS, sign=1):
    rows = [sign * (features[a] - features[b]) for a, b, _ in votes]
    if not rows:
        return features.new_zeros(0, features.shape[1]), features.new_zeros(0)
    return torch.stack(rows), features.new_tensor([wins[c] for _, _, c in votes])


def stand(log):
    standing = []
    for vote in log:
        standing = standing[:-1] if vote[2] == "undo" else [*standing, vote]
    return [vote for vote in standing if vote[2] != "skip"]


right("13.3")(lambda log, f: built(stand(log), f))


@right("13.3")
def backwards(log, features):
    owed, kept = 0, []
    for a, b, clicked in reversed(list(log)):
        if clicked == "undo":
            owed += 1
        elif owed:
            owed -= 1
        elif clicked != "skip":
            kept.append((a, b, clicked))
    return built(kept[::-1], features)


@right("13.3")
def by_places(log, features):
    places = []
    for n, (_, _, clicked) in enumerate(log):
        if clicked != "undo":
            places.append(n)
        elif places:
            places.pop()
    places = [n for n in places if log[n][2] in WINS]
    a = torch.tensor([log[n][0] for n in places], dtype=torch.long)
    b = torch.tensor([log[n][1] for n in places], dtype=torch.long)
    wins = torch.tensor([WINS[log[n][2]] for n in places], dtype=features.dtype)
    return features[a] - features[b], wins


wrong("13.3", "b minus a")(lambda log, f: built(stand(log), f, sign=-1))
wrong("13.3", "b's wins are 1")(
    lambda log, f: built(stand(log), f, {"a": 0.0, "b": 1.0, "tie": 0.5})
)
wrong("13.3", "b is −1")(
    lambda log, f: built(stand(log), f, {"a": 1.0, "b": -1.0, "tie": 0.0})
)
wrong("13.3", "a tie is 0")(
    lambda log, f: built(stand(log), f, {"a": 1.0, "b": 0.0, "tie": 0.0})
)
wrong("13.3", "a tie is 1")(
    lambda log, f: built(stand(log), f, {"a": 1.0, "b": 0.0, "tie": 1.0})
)
wrong("13.3", "ties dropped")(
    lambda log, f: built([v for v in stand(log) if v[2] != "tie"], f)
)
wrong("13.3", "undo ignored")(lambda log, f: built([v for v in log if v[2] in WINS], f))


@wrong("13.3", "an undo passes over skips")
def skips_first(log, features):
    return built(stand([v for v in log if v[2] != "skip"]), features)


@wrong("13.3", "a skip counts as a tie")
def skip_is_tie(log, features):
    standing = []
    for vote in log:
        standing = standing[:-1] if vote[2] == "undo" else [*standing, vote]
    return built(standing, features, WINS | {"skip": 0.5})


@wrong("13.3", "an undo removes the vote on its own pair")
def undo_by_pair(log, features):
    standing = []
    for a, b, clicked in log:
        if clicked == "undo":
            same = [n for n, v in enumerate(standing) if v[:2] == (a, b)]
            if same:
                standing.pop(same[-1])
        else:
            standing.append((a, b, clicked))
    return built([v for v in standing if v[2] != "skip"], features)


@wrong("13.3", "an undo clears all")
def undo_clears(log, features):
    standing = []
    for vote in log:
        standing = [] if vote[2] == "undo" else [*standing, vote]
    return built([v for v in standing if v[2] != "skip"], features)


@wrong("13.3", "an undo removes the first")
def undo_first(log, features):
    standing = []
    for vote in log:
        standing = standing[1:] if vote[2] == "undo" else [*standing, vote]
    return built([v for v in standing if v[2] != "skip"], features)


@wrong("13.3", "an undo of nothing raises")
def pop_empty(log, features):
    standing = []
    for vote in log:
        if vote[2] == "undo":
            standing.pop()
        else:
            standing.append(vote)
    return built([v for v in standing if v[2] != "skip"], features)


@wrong("13.3", "an undo takes the click before it, even an undo")
def undo_before(log, features):
    kept = [
        vote
        for n, vote in enumerate(log)
        if vote[2] != "undo" and not (n + 1 < len(log) and log[n + 1][2] == "undo")
    ]
    return built([v for v in kept if v[2] != "skip"], features)


@wrong("13.3", "an undo of nothing is owed to the next vote")
def owed_forward(log, features):
    standing, owed = [], 0
    for vote in log:
        if vote[2] == "undo":
            if standing:
                standing.pop()
            else:
                owed += 1
        elif owed:
            owed -= 1
        else:
            standing.append(vote)
    return built([v for v in standing if v[2] != "skip"], features)


@wrong("13.3", "two undos in a row count once")
def undo_once(log, features):
    standing, before = [], ""
    for vote in log:
        if vote[2] != "undo":
            standing.append(vote)
        elif before != "undo":
            standing = standing[:-1]
        before = vote[2]
    return built([v for v in standing if v[2] != "skip"], features)


@wrong("13.3", "no votes: flat")
def flat_when_empty(log, features):
    votes = stand(log)
    if not votes:
        return torch.zeros(0), torch.zeros(0)
    return built(votes, features)


@wrong("13.3", "no votes: an error")
def stack_nothing(log, features):
    votes = stand(log)
    return (
        torch.stack([features[a] - features[b] for a, b, _ in votes]),
        torch.tensor([WINS[c] for _, _, c in votes]),
    )


@wrong("13.3", "latest first")
def newest_first(log, features):
    return built(stand(log)[::-1], features)


@wrong("13.3", "a later vote on the same pair replaces the first")
def latest_of_pair(log, features):
    return built(
        [(*k, c) for k, c in {v[:2]: v[2] for v in stand(log)}.items()], features
    )


wrong("13.3", "wins as a column")(
    lambda log, f: (built(stand(log), f)[0], built(stand(log), f)[1][:, None])
)
wrong("13.3", "wins as whole numbers")(
    lambda log, f: (built(stand(log), f)[0], built(stand(log), f)[1].long())
)
wrong("13.3", "two results in the other order")(
    lambda log, f: built(stand(log), f)[::-1]
)
wrong("13.3", "distance of the features")(
    lambda log, f: (built(stand(log), f)[0].abs(), built(stand(log), f)[1])
)
wrong("13.3", "the chosen minus the other")(
    lambda log, f: (
        built(stand(log), f)[0]
        * torch.where(built(stand(log), f)[1] == 0, -1.0, 1.0).to(f.dtype)[:, None],
        built(stand(log), f)[1],
    )
)


# 13.4 ---------------------------------------------------------------------------------

right("13.4")(
    lambda thumbs: [
        (p, a, b)
        for p, a, up in thumbs
        if up
        for q, b, other in thumbs
        if not other and p == q and a != b
    ]
)


@right("13.4")
def grouped(thumbs):
    downs = {}
    for prompt, text, up in thumbs:
        if not up:
            downs.setdefault(prompt, []).append(text)
    return [
        (prompt, text, other)
        for prompt, text, up in thumbs
        if up
        for other in downs.get(prompt, ())
        if other != text
    ]


@right("13.4")
def product(thumbs):
    import itertools

    ups = [t for t in thumbs if t[2]]
    downs = [t for t in thumbs if not t[2]]
    return [
        (u[0], u[1], d[1])
        for u, d in itertools.product(ups, downs)
        if u[0] == d[0] and u[1] != d[1]
    ]


def each(thumbs, test=lambda p, q, a, b: p == q and a != b):
    return [
        (p, a, b)
        for p, a, up in thumbs
        if up
        for q, b, other in thumbs
        if not other and test(p, q, a, b)
    ]


wrong("13.4", "any prompt")(lambda thumbs: each(thumbs, lambda p, q, a, b: a != b))
wrong("13.4", "a text beside itself")(
    lambda thumbs: each(thumbs, lambda p, q, a, b: p == q)
)
wrong("13.4", "chosen and rejected swapped")(
    lambda thumbs: [(p, b, a) for p, a, b in each(thumbs)]
)
wrong("13.4", "ups with ups as well")(
    lambda thumbs: [
        (p, a, b)
        for p, a, up in thumbs
        if up
        for q, b, _ in thumbs
        if p == q and a != b
    ]
)
wrong("13.4", "order of the downs first")(
    lambda thumbs: [
        (p, a, b)
        for q, b, other in thumbs
        if not other
        for p, a, up in thumbs
        if up and p == q and a != b
    ]
)
wrong("13.4", "only neighbours")(
    lambda thumbs: [
        (x[0], x[1], y[1])
        for x, y in zip(thumbs, thumbs[1:], strict=False)
        if x[0] == y[0] and x[2] and not y[2] and x[1] != y[1]
    ]
)
wrong("13.4", "only downs that come later")(
    lambda thumbs: [
        (p, a, b)
        for n, (p, a, up) in enumerate(thumbs)
        if up
        for q, b, other in thumbs[n:]
        if not other and p == q and a != b
    ]
)
wrong("13.4", "each thumb once")(
    lambda thumbs: [
        (u[0], u[1], d[1])
        for u, d in zip(
            [t for t in thumbs if t[2]], [t for t in thumbs if not t[2]], strict=False
        )
        if u[0] == d[0] and u[1] != d[1]
    ]
)
wrong("13.4", "the first down only")(
    lambda thumbs: list({(p, a): (p, a, b) for p, a, b in each(thumbs)[::-1]}.values())[
        ::-1
    ]
)
wrong("13.4", "sorted")(lambda thumbs: sorted(each(thumbs)))
wrong("13.4", "a set")(lambda thumbs: set(each(thumbs)))
wrong("13.4", "an iterator")(lambda thumbs: iter(each(thumbs)))
wrong("13.4", "without the prompt")(lambda thumbs: [t[1:] for t in each(thumbs)])
wrong("13.4", "whole texts")(
    lambda thumbs: [(p, p + a, p + b) for p, a, b in each(thumbs)]
)
wrong("13.4", "a dictionary for each pair")(
    lambda thumbs: [
        {"prompt": p, "chosen": a, "rejected": b} for p, a, b in each(thumbs)
    ]
)


@wrong("13.4", "the latest thumb of a text counts")
def latest_thumb(thumbs):
    latest = {(p, text): up for p, text, up in thumbs}
    return each([(p, text, up) for (p, text), up in latest.items()])


@wrong("13.4", "texts that got both are left out altogether")
def no_both(thumbs):
    ups = {(p, t) for p, t, up in thumbs if up}
    downs = {(p, t) for p, t, up in thumbs if not up}
    both = ups & downs
    return each([t for t in thumbs if t[:2] not in both])
