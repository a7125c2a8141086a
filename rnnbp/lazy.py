"""A property that is computed when it is first asked for, and kept.

`functools.cached_property` computes under a lock, before Python 3.12 one for all objects of a class: threads wait for
each other, and a process that is forked while another thread holds the lock waits for ever. Here there is none. Two
threads that ask at once may both compute; both get what the first has kept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar, overload

__all__ = ["cached_property"]

T = TypeVar("T")


class cached_property(Generic[T]):
    """A property that is computed once for each object.

    Parameters
    ----------
    function : callable
        From the object to the value.
    """

    def __init__(self, function: Callable[[Any], T]) -> None:
        self.function = function
        self.__doc__ = function.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...

    @overload
    def __get__(self, instance: object, owner: type) -> T: ...

    def __get__(self, instance: object | None, owner: type) -> Self | T:
        if instance is None:
            return self
        value: T = vars(instance).setdefault(self.name, self.function(instance))
        return value
