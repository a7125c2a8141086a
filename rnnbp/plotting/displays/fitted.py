"""From what users have fitted, a pipeline or a search maybe, to the estimator that holds the network."""

from __future__ import annotations

from typing import Any

__all__ = ["final_estimator", "network_and_sequence"]


def final_estimator(estimator: Any, attribute: str) -> Any:
    """Return the estimator at the end of searches and pipelines, which has the attribute.

    Raises
    ------
    TypeError
        If it can not have it.
    sklearn.exceptions.NotFittedError
        If it is not fitted.
    """
    return _split(estimator, attribute)[1]


def network_and_sequence(estimator: Any, sample: Any) -> tuple[Any, Any, Any]:
    """Return the estimator that holds the network, the network, and a sample as the network sees it.

    Parameters
    ----------
    estimator : fitted rnnbp estimator, or a pipeline or search that ends in one
    sample : array of shape (T, F), or what the pipeline takes one of, such as a path
    """
    before, final = _split(estimator, "network_")
    for step in before:
        sample = step.transform([sample])[0]
    return final, final.network_, sample


def _split(estimator: Any, attribute: str) -> tuple[list[Any], Any]:
    """Return the transformers before the last step, flat, and the last step."""
    from sklearn.utils.validation import check_is_fitted

    check_is_fitted(estimator)
    before: list[Any] = []
    final = estimator
    while True:
        if hasattr(final, "best_estimator_"):
            final = final.best_estimator_
        elif hasattr(final, "steps"):
            *transformers, (_, final) = final.steps
            before += [step for _, step in transformers if step not in (None, "passthrough")]
        else:
            break
    if not hasattr(final, attribute):
        raise TypeError(f"{type(final).__name__} has no {attribute}: expected one of rnnbp's estimators, fitted")
    return before, final
