"""How a Kafka broker is reached: its address, and who one is there."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from typing import Any

from models.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Security:
    """Encryption and identity; files are PEM. Without ``ca_file`` the system's authorities are trusted."""

    protocol: str = "PLAINTEXT"
    mechanism: str = "SCRAM-SHA-512"
    username: str = ""
    password: str = field(default="", repr=False)
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""


@dataclass(frozen=True, slots=True)
class Connection:
    """What every client of one Kafka is given."""

    bootstrap: str
    security: Security = Security()

    def __str__(self) -> str:
        return self.bootstrap

    def aiokafka(self) -> dict[str, Any]:
        """Return the arguments of an aiokafka client."""
        return {"bootstrap_servers": self.bootstrap, **self._identity()}

    def kafka_python(self) -> dict[str, Any]:
        """Return the arguments of a kafka-python client."""
        return {"bootstrap_servers": self.bootstrap.split(","), **self._identity()}

    def faust_broker(self) -> str:
        """Return the address as Faust wants it."""
        return ";".join(f"kafka://{address}" for address in self.bootstrap.split(","))

    def faust_credentials(self) -> object | None:
        """Return Faust's credentials; None if the connection is plain."""
        import faust  # noqa: PLC0415  (heavy: only workers need it)

        given = self.security
        if given.protocol == "PLAINTEXT":
            return None
        if given.protocol == "SSL":
            return faust.SSLCredentials(context=self._context())
        return faust.SASLCredentials(
            username=given.username,
            password=given.password,
            mechanism=given.mechanism,
            ssl_context=self._context() if given.protocol == "SASL_SSL" else None,
        )

    def _identity(self) -> dict[str, Any]:
        given = self.security
        if given.protocol == "PLAINTEXT":
            return {}
        out: dict[str, Any] = {"security_protocol": given.protocol}
        if given.protocol.startswith("SASL"):
            out |= {
                "sasl_mechanism": given.mechanism,
                "sasl_plain_username": given.username,
                "sasl_plain_password": given.password,
            }
        return out | ({"ssl_context": self._context()} if given.protocol.endswith("SSL") else {})

    def _context(self) -> ssl.SSLContext:
        given = self.security
        try:
            context = ssl.create_default_context(cafile=given.ca_file or None)
            if given.cert_file:
                context.load_cert_chain(given.cert_file, given.key_file or None)
        except (OSError, ssl.SSLError) as error:
            files = ", ".join(f for f in (given.ca_file, given.cert_file, given.key_file) if f)
            raise ConfigError(
                "environment", "CHILLCAST_BROKER_CA_FILE", files, f"PEM files ({error})"
            ) from error
        return context
