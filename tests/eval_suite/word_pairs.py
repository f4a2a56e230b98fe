"""Made-up pairs in which stems and synonyms occur, so that METEOR has more to do than compare words."""

import random

WORDS = (
    *("normal", "ordinary", "usual", "rhythm", "beat", "beats", "beating", "heart", "cardiac", "rate", "pace", "paced"),
    *("infarct", "infarcts", "infarction", "old", "aged", "probable", "likely", "probably", "sign", "signs", "mark"),
    *("tief", "negativ", "überdrehter", "linkstyp", "4.46", "v1-v4,", "q.", "st-t", "förmaksflimmer", "no", "not"),
)
Pairs = tuple[list[str], list[str]]


def pairs_of_words(rows: int) -> Pairs:
    draw = random.Random(3)
    references = [" ".join(draw.choices(WORDS, k=draw.randint(1, 25))) for _ in range(rows)]
    predictions = [
        " ".join(word if draw.random() < 0.6 else draw.choice(WORDS) for word in reference.split())
        if draw.random() < 0.7
        else " ".join(draw.choices(WORDS, k=draw.randint(0, 25)))
        for reference in references
    ]
    return predictions, references


class NoWordNet:
    @staticmethod
    def synsets(word: str) -> list:
        return []
