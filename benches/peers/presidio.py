#!/usr/bin/env python3
"""Presidio's analyzer with its UK recognisers over the notes that `cargo bench --bench detect -- --text` prints.

    python3 -m venv venv && venv/bin/pip install presidio-analyzer
    cargo bench --bench detect -- --text > notes.txt
    venv/bin/python benches/peers/presidio.py notes.txt

Prints megabytes a second on one core, to be set beside the bench's row of the same machine. Presidio is given no language
model (spaCy's blank English: tokens alone), which makes it many times faster than with one, and finds no names; its
recognisers for the United Kingdom are all switched on, with those for e-mail, phone, IBAN, card, IP address and URL.
No part of the test run.
"""

import os
import sys
import time

# One core, as the bench has.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

os.environ.setdefault("TLDEXTRACT_CACHE", "/tmp/tldextract")

import spacy
from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
from presidio_analyzer import predefined_recognizers as known
from presidio_analyzer.nlp_engine import SpacyNlpEngine


class Blank(SpacyNlpEngine):
    """An engine that divides a text into tokens and knows nothing else."""

    def __init__(self):
        super().__init__(models=[{"lang_code": "en", "model_name": "blank"}])
        self.nlp = {"en": spacy.blank("en")}

    def load(self):
        pass


def analyzer():
    names = [name for name in dir(known) if name.startswith("Uk") or name == "NhsRecognizer"]
    names += [
        "EmailRecognizer",
        "PhoneRecognizer",
        "IbanRecognizer",
        "CreditCardRecognizer",
        "IpRecognizer",
        "UrlRecognizer",
        "DateRecognizer",
    ]
    registry = RecognizerRegistry(supported_languages=["en"])
    for name in names:
        recogniser = getattr(known, name)
        if name == "PhoneRecognizer":
            registry.add_recognizer(recogniser(supported_regions=("GB",)))
        else:
            registry.add_recognizer(recogniser())
    print("recognisers:", ", ".join(names), file=sys.stderr)
    return AnalyzerEngine(registry=registry, nlp_engine=Blank(), supported_languages=["en"])


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: presidio.py NOTES, which `cargo bench --bench detect -- --text > NOTES` makes")
    with open(sys.argv[1], encoding="utf-8") as notes:
        texts = notes.read().splitlines()
    engine = analyzer()
    texts = texts[:400]
    total = sum(len(text.encode()) for text in texts)
    for text in texts[:20]:
        engine.analyze(text=text, language="en")
    started = time.perf_counter()
    found = sum(len(engine.analyze(text=text, language="en")) for text in texts)
    took = time.perf_counter() - started
    print(f"presidio-analyzer: {total / took / 1e6:.3f} MB/s, {found} findings in {len(texts)} notes")


if __name__ == "__main__":
    main()
