"""Whatever is fitted, in one file of plain data: networks, estimators, transformers, and pipelines of them.

A pipeline's file is that of the network at its end, with the description of all parts in its metadata, so that
`rnnbp.Network.load` reads it too; transformers alone are a model file without arrays. `rnnbp.estimators.parts` says how
parts are described. All are tried (`rnnbp.estimators.trial`) before they are written and before they are given back.
"""

from __future__ import annotations

import json
from os import PathLike
from typing import Any

from rnnbp.configuration import brief
from rnnbp.estimators.files import ESTIMATOR, PART, Saved, description_in
from rnnbp.estimators.parts import described, find_estimator, made, opened
from rnnbp.estimators.trial import tried
from rnnbp.estimators.voting_transcriber import VOTERS, VotingTranscriber
from rnnbp.files import model_file
from rnnbp.files.model_file import ModelFileError
from rnnbp.names import explained
from rnnbp.networks.network import Network

__all__ = ["load", "save"]


@explained
def save(fitted: Any, path: str | PathLike[str]) -> None:
    """Write a network, an estimator, a transformer, or a scikit-learn pipeline of them to one file, in one atomic step.

    Parameters
    ----------
    fitted : Network, estimator, transformer, Pipeline, FeatureUnion, ColumnTransformer or TransformedTargetRegressor
        Transformers are rnnbp's (`AudioFeatures`, `SequenceScaler`, `PerFrame`, ...) and those of scikit-learn whose
        state is plain numbers: scalers, decompositions, `SimpleImputer`, `VarianceThreshold`. An estimator may be of a
        class of your own that derives from one of rnnbp's; a transformer may not. A ``TransformedTargetRegressor`` is
        around one of rnnbp's regressors, or a pipeline that ends with one.
    path : path-like

    Raises
    ------
    TypeError
        If it is something else, or holds a part that is, such as a subclass of `Pipeline`; names it. Or if an
        estimator's class is your own, but has the name of one of rnnbp's.
    sklearn.exceptions.NotFittedError
        If a part is not fitted.
    ValueError
        If a setting or an attribute is nothing that such a file can hold, such as a function, or if a part does not
        work: a pipeline without steps, a transformer for other features than come to it, or one that makes NaN of ones.

    See Also
    --------
    load : reads it again.

    Notes
    -----
    The file is plain data with a checksum, and no code. Not kept is what belongs to a machine or a run: `memory`,
    `n_jobs`, `progress`, callbacks, and random states that are not numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> import rnnbp
    >>> from rnnbp.preprocessing import SequenceScaler
    >>> x, y = [np.eye(3)[:n] for n in (1, 2, 3, 3)], [0, 0, 1, 1]
    >>> pipeline = make_pipeline(SequenceScaler(), rnnbp.RNNClassifier(max_iter=2, tol=0, n_iter_no_change=np.inf))
    >>> rnnbp.save(pipeline.fit(x, y), "pipeline.rnnbp")  # doctest: +SKIP
    >>> rnnbp.load("pipeline.rnnbp").predict(x)  # doctest: +SKIP
    array([0, 0, 1, 1])
    """
    if isinstance(fitted, (Network, Saved, VotingTranscriber)):
        fitted.save(path)
        return
    end = opened(fitted).end
    network: Network | None = None
    part = described(fitted, end)
    if isinstance(end, Saved):
        network = end.network_  # type: ignore[attr-defined]
    tried(made(json.loads(json.dumps(part)), network))
    if network is None:
        model_file.write(path, {}, {PART: part})
    else:
        network.save(path, metadata={PART: part})


@explained
def load(path: str | PathLike[str]) -> Any:
    """Read whatever a file holds that `save`, ``Network.save`` or an estimator's ``save`` has written, on any machine.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    Network, estimator, transformer, Pipeline, FeatureUnion, ColumnTransformer or TransformedTargetRegressor
        As it was, fitted. An estimator of a class of your own needs the module that defines it to be imported.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    rnnbp.ModelFileError
        If it is no model file, is damaged, or what it describes is none of these.

    Warns
    -----
    sklearn.exceptions.InconsistentVersionWarning
        If a transformer of another version of scikit-learn is in it.

    See Also
    --------
    save

    Examples
    --------
    >>> import tempfile
    >>> from rnnbp import Network, layers
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Network([layers.Dense(2, 1)]).save(f"{folder}/net.rnnbp")
    ...     net = load(f"{folder}/net.rnnbp")
    >>> net.layers
    (Dense(2, 1),)
    """
    with model_file.opened(path) as file:
        description = file.description
    if VOTERS in description:
        return VotingTranscriber.load(path)
    metadata = description.get("metadata")
    network = None
    if (estimator := description_in(metadata, ESTIMATOR)) is not None:
        try:
            cls = find_estimator(estimator["class"])
        except ValueError as error:
            raise ModelFileError(f"{path}: {error}") from error
        return cls.load(path)
    if PART in description:
        part = description[PART]
    elif (part := description_in(metadata, PART)) is not None:
        network = Network.load(path)
        network.metadata = {}
    else:
        return Network.load(path)
    try:
        loaded = made(part, network)
        tried(loaded)
    except (TypeError, ValueError) as error:
        raise ModelFileError(f"{path}: its description makes no pipeline: {brief(error)}") from error
    return loaded
