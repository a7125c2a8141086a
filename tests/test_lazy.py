"""Properties that are computed once."""

import os
import threading

import pytest

from rnnbp.lazy import cached_property


class Circle:
    def __init__(self, radius, begun=None, go_on=None):
        self.radius, self.begun, self.go_on, self.count = radius, begun, go_on, 0

    @cached_property
    def area(self):
        """Its area, roughly."""
        self.count += 1
        if self.begun is not None:
            self.begun.set()
            self.go_on.wait(60)
        return 3 * self.radius**2


def test_it_is_computed_when_it_is_first_asked_for():
    circle = Circle(2)
    assert circle.count == 0
    assert [circle.area, circle.area] == [12, 12]
    assert circle.count == 1
    assert Circle.area.__doc__ == "Its area, roughly."


def test_two_threads_that_ask_at_once_get_the_same_object():
    circle = Circle(2.5, threading.Event(), threading.Event())
    found = []
    asking = threading.Thread(target=lambda: found.append(circle.area))
    asking.start()
    assert circle.begun.wait(60)
    circle.begun = None
    found.append(circle.area)  # does not wait for the other
    circle.go_on.set()
    asking.join()
    assert found[0] is found[1]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # beside threads, from Python 3.12 on
def test_a_process_that_is_forked_meanwhile_does_not_wait():
    circle = Circle(2, threading.Event(), threading.Event())
    asking = threading.Thread(target=lambda: circle.area)
    asking.start()
    assert circle.begun.wait(60)
    child = os.fork()
    if child == 0:
        os._exit(Circle(1).area)
    circle.go_on.set()
    asking.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3
