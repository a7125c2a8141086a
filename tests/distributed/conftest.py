"""One cluster of real processes for the tests of this folder."""

import logging

import pytest
from distributed import Client, LocalCluster

N_WORKERS = 3


@pytest.fixture(scope="session")
def cluster():
    with LocalCluster(
        n_workers=N_WORKERS, threads_per_worker=1, dashboard_address=":0", silence_logs=logging.CRITICAL
    ) as cluster:
        yield cluster


@pytest.fixture
def client(cluster):
    with Client(cluster, set_as_default=False) as client:
        client.wait_for_workers(N_WORKERS, timeout=120)
        yield client
