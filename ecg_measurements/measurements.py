"""What was measured of one ECG, and why the rest was not."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Measurements:
    """The measurements of one 12-lead recording; None where one cannot be made, and `notes` say why.

    Attributes:
        heart_rate_bpm: beats a minute, of the median RR interval; of the mean where the beats are irregular throughout.
        rr_variation_ms: standard deviation of the RR intervals between beats of the dominant form.
        pr_interval_ms: first P onset to first QRS onset in any lead.
        qrs_duration_ms: first QRS onset to last QRS end in any lead.
        qt_interval_ms: first QRS onset to the end of T by the tangent method.
        qtc_bazett_ms: QT / sqrt(RR), RR in s.
        qtc_fridericia_ms: QT / cbrt(RR).
        qrs_axis_deg: frontal axis of the QRS, -180 to 180.
        beats: QRS complexes that were found.
        notes: sentences for the reader.
    """

    heart_rate_bpm: float | None = None
    rr_variation_ms: float | None = None
    pr_interval_ms: float | None = None
    qrs_duration_ms: float | None = None
    qt_interval_ms: float | None = None
    qtc_bazett_ms: float | None = None
    qtc_fridericia_ms: float | None = None
    qrs_axis_deg: float | None = None
    beats: int = 0
    notes: tuple[str, ...] = ()

    def as_row(self) -> dict[str, float | None]:
        """Return the numbers by name, as `eval_suite.findings.stated_numbers` and a data set's measurements name them.

        None stays None; `beats` and `notes` are left out.
        """
        return {name: value for name, value in vars(self).items() if name not in ("beats", "notes")}
