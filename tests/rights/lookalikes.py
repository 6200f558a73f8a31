"""People who come as near to somebody as a name can, seeded."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from pandad.spec.caller import Credential, Identity

from .people import CA, ISSUER, OTHER_CA

# Letters that look like others, to a person or after some normalisation.
CONFUSABLE = {
    "a": "аàạａ", "e": "еéẹｅ", "o": "оοöｏ", "c": "сϲç", "p": "рρ", "i": "іı1l", "l": "1Iⅼ|", "t": "τ†", "r": "гʳ", "n": "ոñ",
    "d": "ԁđ", "y": "уý", "m": "ｍ", "C": "СⅭ", "D": "Ꭰ", "N": "Ν"}
SPACES = [" ", "\u00a0", "\u200b", "\t", "\u2009", "\x00", "\n", "  "]
ANCHORS = [OTHER_CA, CA + " 2", CA.upper(), CA + "/CN=Sub CA", CA.replace("Test", "Tеst"), CA + " ", ISSUER, ISSUER + CA, "", "/",
           "/CN=Test CA"]
APPENDED = [
    " 1", " 123456", "/CN=123456", "/CN=proxy", "/CN=limited proxy", "/emailAddress=x@y.org", "/Email=x", "/CN=nickname:{name}",
    "/CN={name}", "/UID=1", "/", "//", "/CN=", " from " + CA, "\\", "/CN=Robot - {name}", "/Role=production"]

Change = Callable[[random.Random, Identity], Identity]


def _at(dice: random.Random, text: str, change: Callable[[str], str]) -> str:
    place = dice.randrange(len(text))
    return text[:place] + change(text[place]) + text[place + 1:]


def _confused(dice: random.Random, text: str) -> str:
    places = [place for place, letter in enumerate(text) if letter in CONFUSABLE]
    for place in dice.sample(places, k=min(len(places), dice.randint(1, 3))):
        text = text[:place] + dice.choice(CONFUSABLE[text[place]]) + text[place + 1:]
    return text


def _subject(change: Callable[[random.Random, str], str]) -> Change:
    return lambda dice, who: Identity(who.anchor, change(dice, who.subject))


def _name(text: str) -> str:
    return text.rpartition("/CN=")[2]


CHANGES: Sequence[Change] = (
    lambda dice, who: Identity(dice.choice(ANCHORS), who.subject),
    lambda dice, who: Identity(_confused(dice, who.anchor), who.subject),
    _subject(lambda dice, s: s + dice.choice(APPENDED).format(name=_name(s))),
    _subject(lambda dice, s: s + str(dice.randrange(10**6))),
    _subject(_confused),
    _subject(lambda dice, s: _at(dice, s, str.swapcase)),
    _subject(lambda dice, s: dice.choice([s.upper(), s.lower(), s.title(), s[::-1], s[1:], s[:-1]])),
    _subject(lambda dice, s: _at(dice, s, lambda c: c + dice.choice(SPACES))),
    _subject(lambda dice, s: dice.choice(SPACES) + s if dice.random() < 0.5 else s + dice.choice(SPACES)),
    _subject(lambda dice, s: f"/O=x{s}" if dice.random() < 0.5 else f"/CN=x{s}"),
    _subject(lambda dice, s: s.replace("/DC=test", dice.choice(["/DC=tests", "/O=test", "/DC=test/OU=x", "/dc=test"]))),
    _subject(lambda dice, s: f"/DC=org/DC=other/CN={_name(s)}"),
    _subject(lambda dice, s: s.replace("/CN=", dice.choice(["/cn=", "/CN= ", "/CN==", "/OU=", "/CN=x/CN=", ", CN="]))),
    lambda dice, who: Identity(ISSUER, dice.choice([who.subject, _name(who.subject), f"name:{_name(who.subject)}"])),
    lambda dice, who: Identity(who.subject, who.anchor),
)


def lookalike(dice: random.Random, who: Identity) -> Credential:
    """Somebody like him, by one change or two. (A change may undo another or change nothing; then it is tried again.)"""
    while True:
        found = who
        for change in dice.choices(CHANGES, k=dice.choice([1, 1, 1, 2])):
            found = change(dice, found)
        if found != who and found.subject:
            break
    return Credential(
        kind="x509" if found.anchor.startswith("/") else "token", identity=found, host="192.0.2.9", limited=dice.random() < 0.1,
        not_after=datetime(2099, 1, 1, tzinfo=UTC), nickname=_name(who.subject))
