"""A complete simulator: areal capacity from mass loading and specific capacity."""

from ionbridge.datasets import Domain
from ionbridge.physics import AbstractSimulator
from ionbridge.quantities import quantity


class ArealCapacity(AbstractSimulator):
    """Capacity per electrode area, with the repeatability of a weighing as scatter."""

    inputs = (quantity("mass_loading"), quantity("specific_capacity"))
    outputs = (quantity("areal_capacity"),)
    limits = {"mass_loading": (1.0, 60.0), "specific_capacity": (50.0, 4000.0)}
    assumptions = ("all active material takes part",)
    constants = ()
    domain = Domain("areal capacity", origin="simulation")

    def _simulate(self, columns, rng):
        capacity = columns["mass_loading"] * columns["specific_capacity"] / 1000.0  # µAh to mAh
        if rng is not None:
            capacity = capacity * rng.normal(1.0, 0.01, len(capacity))
        return {"areal_capacity": capacity}
