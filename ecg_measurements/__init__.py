"""Heart rate, intervals, axis and quality of a 12-lead ECG, measured from its signal alone."""

from ecg_measurements.measure import measure_ecg
from ecg_measurements.measurements import Measurements
from ecg_measurements.quality_remarks import QualityRemark, quality_remarks

__all__ = ["Measurements", "QualityRemark", "measure_ecg", "quality_remarks"]
