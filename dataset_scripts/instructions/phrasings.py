"""How questions are worded; `{x}` and the other fields are filled in, and the answer is in `questions.py`."""

from __future__ import annotations

RATE = (
    "What is the heart rate?",
    "How fast is the heart beating in this ECG?",
    "Give the ventricular rate of this recording.",
    "Determine the heart rate from the tracing.",
    "How many beats per minute does this ECG show on average?",
    "Please state the rate.",
)
RHYTHM = (
    "What is the rhythm?",
    "Which rhythm does this ECG show?",
    "Name the underlying rhythm of this recording.",
    "State the cardiac rhythm seen here.",
    "Look at the tracing and tell me the rhythm.",
    "How would you classify the rhythm of this ECG?",
)
AXIS = (
    "What is the electrical axis?",
    "How does the QRS axis lie in the frontal plane?",
    "Describe the electrical axis of this ECG.",
    "Determine the frontal QRS axis.",
    "Is the axis deviated? Describe it.",
    "Using the limb leads, state the axis.",
)
ALL_INTERVALS = (
    "Measure the intervals of this ECG.",
    "Give the conduction times.",
    "List the intervals that can be measured here.",
    "What are the intervals in this recording?",
    "State the time intervals of this ECG in milliseconds.",
)
ONE_INTERVAL = (
    "How long is the {x}?",
    "What is the {x} in this ECG?",
    "Measure the {x}.",
    "Give the {x} in milliseconds.",
    "Please determine the {x} of this recording.",
)
YES_NO_FINDING = (
    "Does this ECG show {x}?",
    "Can {x} be seen on this tracing?",
    "Would you report {x} here?",
    "Do you find {x} in this recording?",
    "Yes or no: this ECG shows {x}.",
    "Is this recording one with {x}?",
)
YES_NO_NORMAL = (
    "Is this a normal ECG?",
    "Would you call this ECG normal?",
    "Yes or no: this ECG is normal.",
    "Can this tracing be reported as normal?",
)
YES_NO_ABOVE = (
    "Is the {x} above {limit} {unit}?",
    "Does the {x} exceed {limit} {unit}?",
    "Yes or no: the {x} is more than {limit} {unit}.",
)
YES_NO_BELOW = (
    "Is the {x} below {limit} {unit}?",
    "Does the {x} stay under {limit} {unit}?",
    "Yes or no: the {x} is less than {limit} {unit}.",
)
CHOOSE_RHYTHM = (
    "Which of these is the rhythm: {options}?",
    "Choose the rhythm of this ECG from: {options}.",
    "One of these rhythms is right; name it: {options}.",
)
CHOOSE_FINDING = (
    "Which of these does this ECG show: {options}?",
    "Choose the one finding that fits this ECG: {options}.",
    "Only one of these is present; name it: {options}.",
)
CHOOSE_RATE = (
    "Is the heart rate {options}?",
    "Choose what describes the heart rate in beats per minute: {options}.",
)
CHOOSE_AXIS = (
    "Is the QRS axis, in degrees, {options}?",
    "Choose what describes the frontal QRS axis in degrees: {options}.",
)
