"""What a setting may be: its type, what is expected of it, and how that is said."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr

from models.fleet.config import expects
from streams.delivery.addresses import named_addresses
from streams.redaction import MASK


def _whole(secret: SecretStr) -> SecretStr:
    """Refuse what an editor or a pipe has added: no token or password is meant to have it."""
    text = secret.get_secret_value()
    if text != text.strip() or not text.isprintable():
        raise ValueError(MASK)
    return secret


def _channels(secret: SecretStr) -> SecretStr:
    """Refuse what is no JSON object of names and addresses."""
    try:
        named_addresses(secret.get_secret_value())
    except ValueError as error:
        raise ValueError(MASK) from error
    return secret


Secret = Annotated[SecretStr, AfterValidator(_whole), expects("one line without space around it")]
Channels = Annotated[SecretStr, AfterValidator(_channels), expects('a JSON object, as {"ops": "slack://…"}')]
Addresses = Annotated[
    str,
    Field(pattern=r"^$|^[^\s,:]+:\d+(,[^\s,:]+:\d+)*$"),
    expects("host:port, or several with a comma between them"),
]
Prefix = Annotated[
    str, Field(pattern=r"^[a-zA-Z0-9._-]{0,100}$"), expects("at most 100 of letters, digits and . _ -")
]
MemberName = Annotated[
    str, Field(pattern=r"^[a-zA-Z0-9._-]{0,150}$"), expects("at most 150 of letters, digits and . _ -")
]
Names = Annotated[
    str,
    Field(pattern=r"^\*$|^(\*\.)?[\w.\-\[\]:]+(,(\*\.)?[\w.\-\[\]:]+)*$"),
    expects("names with a comma between them and no port, *.example.org for all below it, or *"),
]
Url = Annotated[str, Field(pattern=r"^$|^https?://\S+$"), expects("an address that begins with http")]
Groups = Annotated[
    str,
    Field(pattern=r"^$|^[^=,]+=[a-z-]+(,[^=,]+=[a-z-]+)*$"),
    expects("group=role, several with a comma between them"),
]
Header = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$"), expects("the name of a header")]
Port = Annotated[int, Field(ge=0, le=65535)]
Protocol = Literal["plaintext", "tls", "sasl-tls", "sasl-plaintext-insecure"]
