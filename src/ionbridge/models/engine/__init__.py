"""The batched engine: hundreds of small networks trained as one computation."""

from ionbridge.models.engine.base import (
    AbstractBoundStack,
    AbstractStackedModule,
    ParameterBlock,
    ParameterBuffer,
)
from ionbridge.models.engine.losses import AbstractLoss
from ionbridge.models.engine.mlp import StackedMLP
from ionbridge.models.engine.settings import TrainedStack, TrainingSettings
from ionbridge.models.engine.torch_module import StackedFunction, StackedTorchModule
from ionbridge.models.engine.training import predict_stack, train_stack

__all__ = [
    "AbstractBoundStack",
    "AbstractLoss",
    "AbstractStackedModule",
    "ParameterBlock",
    "ParameterBuffer",
    "StackedFunction",
    "StackedMLP",
    "StackedTorchModule",
    "TrainedStack",
    "TrainingSettings",
    "predict_stack",
    "train_stack",
]
