"""Fork while another thread holds a lock."""

import os
import signal
import warnings
from threading import Event, Thread, Timer

HELD = 0.2  # seconds
PATIENCE = 120.0  # seconds


def status_of_child(lock, function):
    """Fork while another thread is in a lock; return how the child ends that calls a function: 0, if it is well."""
    inside, release = Event(), Event()

    def hold():
        with lock:
            inside.set()
            release.wait()

    holder, timer = Thread(target=hold), Timer(HELD, release.set)
    holder.start()
    inside.wait()
    timer.start()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # from Python 3.12 on, of forks beside threads
        child = os.fork()
    if child == 0:
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_REAL, PATIENCE)  # which ends the process, whatever it waits for
            function()
            os._exit(0)
        finally:
            os._exit(1)
    holder.join()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
