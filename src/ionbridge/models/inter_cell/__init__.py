"""Inter-cell learning: lives predicted from a cell itself and from its differences to known cells."""

from ionbridge.models.inter_cell.aggregation import AGGREGATIONS, REFERENCE_CHOICES
from ionbridge.models.inter_cell.regressor import InterCellRegressor, ReferenceReport
from ionbridge.models.inter_cell.representation import CellEncoding

__all__ = ["AGGREGATIONS", "REFERENCE_CHOICES", "CellEncoding", "InterCellRegressor", "ReferenceReport"]
