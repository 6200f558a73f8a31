"""`python -m tests.fuzz.guided TARGET DIRECTORY [FILE] [OPTION OF LIBFUZZER ...]`: a target fed by atheris, which keeps the
inputs that reach code that none before has reached; or fed with one file. The first two bytes of an input are the dice. Ends the
process."""

from __future__ import annotations

import random
import sys
import tempfile
from pathlib import Path

import atheris  # type: ignore[import-untyped, import-not-found, unused-ignore]  # an extra of its own

sys.path.insert(0, str(Path(__file__).parent.parent))  # as pytest has it

with atheris.instrument_imports(include=["pandad"]):
    from fuzz.mutation import WORDS
    from fuzz.targets import TARGETS

DICE = 2  # bytes


def main() -> None:
    """The corpus of earlier runs is in the directory; so is the input that something was found with."""
    name, directory, *more = sys.argv[1:]
    files = [each for each in more if not each.startswith("-")]
    corpus = Path(directory, name)
    corpus.mkdir(parents=True, exist_ok=True)
    target = TARGETS[name](Path(tempfile.mkdtemp()))
    for number, seed in enumerate(target.seeds):
        (corpus / f"seed{number}").write_bytes(bytes(DICE) + seed)
    words = Path(directory, "words")
    words.write_text("".join(f'"{"".join(f"{chr(92)}x{byte:02x}" for byte in word)}"\n' for word in WORDS if len(word) < 60))

    def feed(data: bytes) -> None:
        target.feed(data[DICE:], random.Random(data[:DICE]))

    options = [each for each in more if each.startswith("-")]
    options += [f"-dict={words}", f"-artifact_prefix={directory}/{name}-"]
    atheris.Setup([sys.argv[0], *(files or [str(corpus)]), *options], feed)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
