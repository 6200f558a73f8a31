"""DER as a tree, and ways to spoil it: bits, lengths, and fields dropped, doubled or swapped, with lengths that fit again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

CONSTRUCTED = 0x20
TAGS = (0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0C, 0x13, 0x16, 0x17, 0x18, 0x1E, 0x80)


@dataclass
class Node:
    """One element. A primitive one has ``content``, a constructed one ``children``."""

    tag: int
    content: bytes = b""
    children: list[Node] = field(default_factory=list)

    def dump(self) -> bytes:
        content = b"".join(child.dump() for child in self.children) if self.tag & CONSTRUCTED else self.content
        return bytes([self.tag]) + _length(len(content)) + content

    def walk(self) -> list[Node]:
        return [self, *(node for child in self.children for node in child.walk())]


def _length(number: int) -> bytes:
    if number < 0x80:
        return bytes([number])
    octets = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(octets)]) + octets


def parse(der: bytes) -> Node:
    """The first element. It must be good DER with tags of one byte."""
    return _parsed(der)[0]


def _parsed(der: bytes) -> tuple[Node, bytes]:
    tag, length, start = der[0], der[1], 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(der[2:start], "big")
    content, rest = der[start:start + length], der[start + length:]
    node = Node(tag, content)
    while tag & CONSTRUCTED and content:
        child, content = _parsed(content)
        node.children.append(child)
    return node, rest


def spoiled(der: bytes, random: Random) -> bytes:
    """Not what it was; good DER sometimes."""
    ways: list[Callable[[bytes, Random], bytes]] = [_bit, _byte, _cut, _more, *[_tree] * 6]
    made = der
    while made == der:
        made = random.choice(ways)(der, random)
    return made


def _bit(der: bytes, random: Random) -> bytes:
    made = bytearray(der)
    made[random.randrange(len(made))] ^= 1 << random.randrange(8)
    return bytes(made)


def _byte(der: bytes, random: Random) -> bytes:
    made = bytearray(der)
    made[random.randrange(len(made))] = random.choice((0, 1, 0x7F, 0x80, 0xFF, random.randrange(256)))
    return bytes(made)


def _cut(der: bytes, random: Random) -> bytes:
    start = random.randrange(len(der))
    return der[:start] + der[start + random.randrange(1, 9):]


def _more(der: bytes, random: Random) -> bytes:
    start = random.randrange(len(der) + 1)
    return der[:start] + random.randbytes(random.randrange(1, 9)) + der[start:]


def _tree(der: bytes, random: Random) -> bytes:
    root = parse(der)
    nodes = root.walk()
    random.choice((_drop, _double, _swap, _retag, _replace, _refill))(nodes, random)
    return root.dump()


def _parent(nodes: list[Node], random: Random) -> Node:
    return random.choice([node for node in nodes if node.children])


def _drop(nodes: list[Node], random: Random) -> None:
    parent = _parent(nodes, random)
    del parent.children[random.randrange(len(parent.children))]


def _double(nodes: list[Node], random: Random) -> None:
    parent = _parent(nodes, random)
    parent.children.insert(random.randrange(len(parent.children) + 1), random.choice(parent.children))


def _swap(nodes: list[Node], random: Random) -> None:
    parent = _parent(nodes, random)
    random.shuffle(parent.children)


def _retag(nodes: list[Node], random: Random) -> None:
    node = random.choice(nodes)
    node.tag = (node.tag & CONSTRUCTED) | random.choice(TAGS)


def _replace(nodes: list[Node], random: Random) -> None:
    """One field where another one was."""
    parent, other = _parent(nodes, random), random.choice(nodes[1:])
    if parent not in other.walk():
        parent.children[random.randrange(len(parent.children))] = other


def _refill(nodes: list[Node], random: Random) -> None:
    """Another value of the same kind."""
    node = random.choice([node for node in nodes if not node.tag & CONSTRUCTED])
    node.content = random.choice((
        b"", b"\0", b"\xff", node.content + b"\0", node.content[:-1], node.content[::-1], random.randbytes(len(node.content))))
