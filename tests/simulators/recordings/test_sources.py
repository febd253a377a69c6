"""What a path stands for, whichever case its ending has; what is damaged or locked is named."""

from __future__ import annotations

import gzip
import struct
import zipfile
from pathlib import Path

import pytest

from models.errors import RecordingError
from simulators.recordings.sources import sources_at

ROWS = b"".join(b"%d,%d\n" % (i, i * i % 977) for i in range(5000))


def read(path: Path) -> dict[str, bytes]:
    found = {}
    for source in sources_at(path).files:
        with source.open() as file:
            found[source.name] = file.read()
    return found


def test_endings_count_in_whichever_case(tmp_path: Path) -> None:
    (tmp_path / "DATA.CSV.GZ").write_bytes(gzip.compress(ROWS))
    assert read(tmp_path / "DATA.CSV.GZ") == {"DATA.CSV.GZ": ROWS}
    with zipfile.ZipFile(tmp_path / "D.ZIP", "w") as packed:
        packed.writestr("A.CSV", ROWS)
    assert read(tmp_path / "D.ZIP") == {"A.CSV": ROWS}
    (tmp_path / "T.PARQUET").touch()
    assert [s.is_parquet for s in sources_at(tmp_path / "T.PARQUET").files] == [True]


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path, packed = tmp_path / "d.csv.gz", bytearray(gzip.compress(ROWS))
    packed[10] = 0xFF  # the first block is of a type that there is not
    path.write_bytes(packed)
    with pytest.raises(RecordingError, match=r"d\.csv\.gz: not a whole file: "):
        read(path)


def test_an_encrypted_file_of_a_zip_is_named(tmp_path: Path) -> None:
    path = tmp_path / "d.zip"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("a.csv", ROWS)
    whole = bytearray(path.read_bytes())
    for header, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        struct.pack_into("<H", whole, whole.index(header) + flags, 1)
    path.write_bytes(whole)
    with pytest.raises(RecordingError, match=r"d\.zip: a\.csv: it is encrypted: unpack it"):
        read(path)
