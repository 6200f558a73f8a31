"""What a hub lends to its pilots, beside their own credentials. (PanDA: its caches of proxies, tokens and key pairs.)"""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """What it is, and by what pilots ask for it."""

    PROXY = "proxy"              # for payloads; by DN and role
    PUBLIC_KEY = "public key"    # by name
    PRIVATE_KEY = "private key"  # by name
    TOKEN = "token"              # an access token; by the name of its client
    TOKEN_KEY = "token key"      # who shows it gets that token; by the same name
