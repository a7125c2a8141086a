"""Pictures in the style of scikit-learn's displays: what is drawn is kept, and can be drawn again into other axes."""

from rnnbp.plotting.displays.activations import ActivationsDisplay
from rnnbp.plotting.displays.forecast import ForecastDisplay
from rnnbp.plotting.displays.gradient_flow import GradientFlowDisplay
from rnnbp.plotting.displays.loss_curve import LossCurveDisplay
from rnnbp.plotting.displays.saliency import SaliencyDisplay

__all__ = ["ActivationsDisplay", "ForecastDisplay", "GradientFlowDisplay", "LossCurveDisplay", "SaliencyDisplay"]
