"""Pictures of training and of what a network does, drawn with matplotlib (``pip install 'rnnbp[plot]'``).

Each function draws into the axes or figure it is given, or into new ones, and returns them: what it leaves open
(titles, sizes, saving) is matplotlib's business. matplotlib is imported by the first call. The displays are the same
for estimators, in scikit-learn's style; confusions are drawn by its own ``ConfusionMatrixDisplay.from_estimator``.
"""

from rnnbp.plotting.axes import figure_path
from rnnbp.plotting.curves import (
    accuracy_against_noise,
    error_curve,
    gradient_over_time,
    learning_curves,
    learning_rates,
)
from rnnbp.plotting.diagnostics import (
    plot_activations,
    plot_gradient_flow,
    plot_gradient_flow_over_training,
    plot_lyapunov,
    plot_saliency,
)
from rnnbp.plotting.displays import (
    ActivationsDisplay,
    ForecastDisplay,
    GradientFlowDisplay,
    LossCurveDisplay,
    SaliencyDisplay,
)
from rnnbp.plotting.pictures import as_picture, confusion_matrix, layer_activations
from rnnbp.plotting.transcription import plot_transcription

__all__ = [
    "ActivationsDisplay",
    "ForecastDisplay",
    "GradientFlowDisplay",
    "LossCurveDisplay",
    "SaliencyDisplay",
    "accuracy_against_noise",
    "as_picture",
    "confusion_matrix",
    "error_curve",
    "figure_path",
    "gradient_over_time",
    "layer_activations",
    "learning_curves",
    "learning_rates",
    "plot_activations",
    "plot_gradient_flow",
    "plot_gradient_flow_over_training",
    "plot_lyapunov",
    "plot_saliency",
    "plot_transcription",
]


def __dir__() -> list[str]:
    return __all__
