"""A controller that answers over Modbus TCP what its holding registers hold, and nothing else."""

from __future__ import annotations

import socketserver
import struct
import threading
from collections.abc import Sequence
from types import TracebackType

_READ_HOLDING_REGISTERS = 3


class ModbusController:
    """Serves 16-bit registers from address 0 on; use it in a ``with``."""

    def __init__(self, registers: Sequence[int]) -> None:
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _handler(registers))
        self.address = f"tcp://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> ModbusController:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(registers: Sequence[int]) -> type[socketserver.BaseRequestHandler]:
    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while len(head := self.rfile.read(7)) == 7:
                transaction, _, length, unit = struct.unpack(">HHHB", head)
                function, first, count = struct.unpack(">BHH", self.rfile.read(length - 1))
                assert function == _READ_HOLDING_REGISTERS
                words = struct.pack(f">{count}H", *registers[first : first + count])
                answer = struct.pack(">BB", function, len(words)) + words
                self.wfile.write(struct.pack(">HHHB", transaction, 0, len(answer) + 1, unit) + answer)

    return Handler
