"""Networks as models of Keras 3, and models as networks, with their weights.

::

    from rnnbp.interop import keras

    model = keras.to_model(net)
    net = keras.from_model(model)

`writing` makes a layer of Keras of each of ours, and `modules` has what Keras itself has not. `reading` goes through a
model's layers. `functions` has the names of activation functions; names and layouts of tensors are in
`rnnbp.interop.naming`.
"""

from rnnbp.interop.keras.reading import from_model
from rnnbp.interop.keras.writing import to_model

__all__ = ["from_model", "to_model"]
