"""iRprop+ against its paper's pseudo-code, one parameter at a time."""

import numpy as np
from scipy.optimize import rosen, rosen_der

from rnnbp.optimizers import Rprop


class Textbook:
    """Igel and Hüsken 2000, figure 2, written out as it stands there."""

    def __init__(self, n, first_step, up=1.2, down=0.5, smallest=1e-6, largest=50.0):
        self.delta = [first_step] * n
        self.old_gradient = [0.0] * n
        self.old_change = [0.0] * n
        self.old_loss = float("inf")
        self.up, self.down, self.smallest, self.largest = up, down, smallest, largest
        self.taken_back = 0

    def update(self, weights, gradient, loss):
        for i in range(len(weights)):
            g = gradient[i]
            if self.old_gradient[i] * g > 0:
                self.delta[i] = min(self.delta[i] * self.up, self.largest)
                change = -np.sign(g) * self.delta[i]
                weights[i] += change
                self.old_gradient[i], self.old_change[i] = g, change
            elif self.old_gradient[i] * g < 0:
                self.delta[i] = max(self.delta[i] * self.down, self.smallest)
                if loss > self.old_loss:
                    weights[i] -= self.old_change[i]
                    self.taken_back += 1
                self.old_gradient[i] = 0.0
            else:
                change = -np.sign(g) * self.delta[i]
                weights[i] += change
                self.old_gradient[i], self.old_change[i] = g, change
        self.old_loss = loss


def test_equals_the_textbook():
    theta = np.array([-1.2, 1.0, 0.5, -0.3, 0.8])
    weights = theta.copy()
    optimizer, textbook = Rprop(0.1), Textbook(5, first_step=0.1)
    state = optimizer.init(theta)
    for _ in range(60):
        optimizer.update(theta, rosen_der(theta), state, loss=rosen(theta))
        textbook.update(weights, rosen_der(weights), rosen(weights))
        np.testing.assert_allclose(theta, weights, rtol=1e-13)
    assert textbook.taken_back > 5


def test_a_move_to_an_equal_loss_is_not_taken_back():
    """From 1 to -1 on |x|."""
    theta, weights = np.array([1.0]), np.array([1.0])
    optimizer, textbook = Rprop(2.0), Textbook(1, first_step=2.0)
    state = optimizer.init(theta)
    for _ in range(3):
        optimizer.update(theta, np.sign(theta), state, loss=abs(float(theta[0])))
        textbook.update(weights, np.sign(weights), abs(float(weights[0])))
        np.testing.assert_array_equal(theta, weights)
    assert textbook.taken_back == 0


def test_takes_no_move_back_if_the_loss_is_not_known():
    theta, state = np.array([0.1]), Rprop(0.2).init(np.zeros(1))
    Rprop(0.2).update(theta, np.array([1.0]), state)
    Rprop(0.2).update(theta, np.array([-1.0]), state)
    np.testing.assert_allclose(theta, [-0.1])


def test_tiny_gradients_of_one_sign_count_as_such():
    """The product of two of them is zero in float32; their signs are not."""
    optimizer, theta = Rprop(0.1), np.zeros(1, np.float32)
    state, gradient = optimizer.init(theta), np.full(1, 1e-30, np.float32)
    optimizer.update(theta, gradient, state)
    optimizer.update(theta, gradient, state)
    np.testing.assert_allclose(theta, [-0.1 - 0.12], rtol=1e-6)


def test_the_first_step_may_be_the_smallest_and_the_largest():
    theta, optimizer = np.zeros(1), Rprop(0.1, min_step=0.1, max_step=0.1)
    state = optimizer.init(theta)
    for gradient in (1.0, 1.0, 1.0):
        optimizer.update(theta, np.array([gradient]), state)
    np.testing.assert_allclose(theta, [-0.3])
