"""In which language a report is written: German, English, Swedish or other.

PTB-XL mixes three: the recorders' own German, English and Swedish statements, and German free text. The languages share
Latin terms ("sinus", "infarkt", "normal"), so only words and word parts that one of them alone uses count; the language
with most different ones wins. "ekg" alone decides nothing: German and Swedish share it.
"""

from __future__ import annotations

import re

LANGUAGES = {"de": "German", "en": "English", "sv": "Swedish"}

# In order of preference where two languages score the same.
_MARKERS = {
    "de": re.compile(
        r"\b(?:und|oder|nicht|mit|auf|für|bei|über|nach|kein\w*|der|die|das|den|sonst|alt|alter|wohl|durch|"
        r"grenzbefund|achse|hebung\w*|senkung\w*|strecke\w*|ableitung\w*|verdacht|möglich\w*|mögl|wahrscheinlich|"
        r"\w*vollständig\w*|normale[rs]|abnorm(?:ale|e)[rs]|unspezifische\w*|\w*ventrikuläre[rs]?|periphere|"
        r"extrasystolen|pathologische\w*|erregungs\w*|ekg)\b"
        r"|rhythmus|arrhythmie|schenkel|vorhof|ischämie\b|(?:tachy|brady)[ck]ardie\b|tachykardes|schrittmacher|belastung|"
        r"störung|stoerung|hypertrophie\b|spannung|ueber|schaden\b|ver(?:ä|ae)nderung|typ\b"
    ),
    "sv": re.compile(
        r"\b(?:och|eller|ej|vid|såsom|inga|inget|ingen|med|kan|bör|för|sannolikt|möjligen|misstänkt|eljest|onormal\w*|"
        r"normalt|el|axel|vänster\w*|höger\w*|hög|låga?|ålder|äldre|färsk|förlopp|förlängd\w*|avvikande|ospecifik\w*|"
        r"ekg|slag|våg|patologisk\w*|arytmi|ischemi)\b"
        # "pacemaker ekg" is the Swedish device's statement; the German one says "schrittmacher ekg".
        r"|rytm\b|skänkel|förmak|kammar|förändring|takykardi\b|bradykardi\b|pacemaker|sänkning|höjning|avledning|"
        r"myokardskada|hypertrofi\b|affektion|systoli\b|belastn"
    ),
    "en": re.compile(
        r"\b(?:the|and|or|of|with|is|are|be|may|to|this|these|but|due|not|only|no|non|requested|trace|tracing|rhythm|"
        r"ecg|waves?|leads?|left|right|bundle|branch|axis|deviation|beats?|heart|rate|otherwise|old|likely|probable|"
        r"possibl[ey]|changes?|atrial|ventricular|fibrillation|flutter|complex(?:es)?|interval|voltages|arrhythmia|"
        r"tachycardia|bradycardia|infarct(?:ion)?|ischa?emi[ac]|myocardial|strain|degree|pathology|abnormality|"
        r"hypertrophy|premature|contraction|minor|prolonged)\b"
    ),
}


def detect_language(text: str) -> str:
    """Returns "de", "en", "sv", or "other" where no word of these languages is found (an empty text included)."""
    text = text.lower()
    scores = {code: len(set(marker.findall(text))) for code, marker in _MARKERS.items()}
    best = max(scores, key=lambda code: scores[code])
    return best if scores[best] else "other"
