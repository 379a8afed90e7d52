"""The notes of a job: every encoded frame, in a database that a killed process leaves whole.

What is noted last counts as far as its frames have no gap: encoders give frames in the order in
which they are decoded, and some that come before may be missing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from time import monotonic
from typing import Any

from av.packet import Packet, PacketSideData, packet_sidedata_type_from_literal

from ...errors import VideoError

__all__ = ["Journal", "Kept"]

_COMMIT_SECONDS, _COMMIT_BYTES = 5.0, 32 << 20
"""What is written at once: so much may be lost by a killed process."""
_FORMAT = 1
_TABLES = """
    CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
    CREATE TABLE frames (number INTEGER PRIMARY KEY, source INTEGER, pts INTEGER);
    CREATE TABLE packets (
        number INTEGER PRIMARY KEY, pts INTEGER, dts INTEGER, duration INTEGER, key INTEGER,
        content BLOB
    );
    CREATE TABLE side_data (packet INTEGER, kind TEXT, content BLOB);
    CREATE INDEX side_data_of ON side_data (packet);
"""


@dataclass(frozen=True)
class Kept:
    """What is done already."""

    frames: int
    """Frames of the target."""
    source_frames: int
    """Frames of the source that need not be restored any more."""
    skipped: int
    """Frames of the target that the next frame of the source gives and that are there already."""
    last_pts: int
    last_dts: int
    """Times of the last ones, in units of the encoder."""


class Journal:
    """Notes about a job; one process at a time has them.

    Args:
        path: The file; it is made if it is not there.

    Raises:
        VideoError: It cannot be written, is no journal, or is another process's.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._frames: list[tuple[int, int, int]] = []
        self._packets: list[tuple[int, int, int, int, bool, bytes]] = []
        self._side_data: list[tuple[int, str, bytes]] = []
        self._next_frame = self._next_packet = self._size = 0
        self._written_at = self._begun_at = monotonic()
        with self._failing():
            # The threads of a job use it one after the other.
            self._database = sqlite3.connect(
                path, timeout=0, check_same_thread=False, isolation_level=None
            )
        try:
            with self._failing():
                self._database.execute("PRAGMA locking_mode = EXCLUSIVE")
                if not self._database.execute("PRAGMA user_version").fetchone()[0]:
                    self._database.executescript(f"BEGIN IMMEDIATE; {_TABLES} COMMIT;")
                    self._database.execute(f"PRAGMA user_version = {_FORMAT}")
                self._seconds_before = float(self.facts().get("seconds", 0))
        except BaseException:
            self._database.close()
            raise

    def facts(self) -> dict[str, str]:
        """What is known of the job, by names."""
        with self._failing():
            return dict(self._database.execute("SELECT name, value FROM facts"))

    def note_facts(self, facts: Mapping[str, str]) -> None:
        """Note what is known of the job."""
        with self._failing():
            self._database.executemany("REPLACE INTO facts VALUES (?, ?)", facts.items())

    def seconds(self) -> float:
        """Wall time for which there has been work on the job."""
        return self._seconds_before + monotonic() - self._begun_at

    def kept(self) -> Kept | None:
        """What is done of the job; None = nothing. What is of no use is forgotten."""
        with self._failing():
            count = self._count_without_gaps()
            for table, column in (
                ("packets", "number"),
                ("frames", "number"),
                ("side_data", "packet"),
            ):
                self._database.execute(f"DELETE FROM {table} WHERE {column} >= ?", (count,))
        self._next_frame = self._next_packet = count
        if not count:
            return None
        source = self._source_of(count - 1)
        # Whether the last frame of the source has given all it gives is not known: it is done once
        # more, and what is there of it is left out.
        first = self._value("SELECT MIN(number) FROM frames WHERE source = ?", source)
        return Kept(
            frames=count,
            source_frames=source,
            skipped=count - first,
            last_pts=self._value("SELECT MAX(pts) FROM packets"),
            last_dts=self._value("SELECT MAX(dts) FROM packets"),
        )

    def frames_up_to(self, source: int, begin: int) -> int:
        """How many frames of the target there are of the source's first ones.

        Args:
            source: Number of the last of those.
            begin: So many there are at least.
        """
        while begin < self._next_frame and self._source_of(begin) <= source:
            begin += 1
        return begin

    def packet(self, number: int, time_base: Fraction) -> Packet[Any]:
        """An encoded frame, by its number in the order of decoding."""
        with self._failing():
            row = self._database.execute(
                "SELECT pts, dts, duration, key, content FROM packets WHERE number = ?", (number,)
            ).fetchone()
            side_data = self._database.execute(
                "SELECT kind, content FROM side_data WHERE packet = ?", (number,)
            ).fetchall()
        packet: Packet[Any] = Packet(row[4])
        packet.pts, packet.dts, packet.duration = row[:3]
        packet.is_keyframe, packet.time_base = bool(row[3]), time_base
        for kind, content in side_data:
            # What PyAV's stubs leave out: it takes the kind's number and a size.
            data: Any = PacketSideData
            made = data(packet_sidedata_type_from_literal(kind), len(content))
            made.update(content)
            packet.set_sidedata(made)
        return packet

    def note_frame(self, source: int, pts: int) -> None:
        """A frame is given to the encoder.

        Args:
            source: Number of the frame of the source that it is of.
            pts: When it is shown, in units of the encoder.
        """
        self._frames.append((self._next_frame, source, pts))
        self._next_frame += 1

    def note_packet(self, packet: Packet[Any]) -> None:
        """A frame is encoded; its times are in units of the encoder."""
        content = bytes(packet)
        pts, dts = packet.pts or 0, packet.dts or 0
        self._packets.append(
            (self._next_packet, pts, dts, packet.duration or 0, packet.is_keyframe, content)
        )
        for each in packet.iter_sidedata():
            if each.data_type == "matroska_block_additional":  # alpha; the rest is of the encoder
                self._side_data.append((self._next_packet, each.data_type, bytes(each)))
        self._next_packet += 1
        self._size += len(content)
        if monotonic() - self._written_at > _COMMIT_SECONDS or self._size > _COMMIT_BYTES:
            self.write()

    def write(self) -> None:
        """Write what is noted to the disk, all of it or nothing.

        Raises:
            VideoError: The disk does not take it.
        """
        with self._failing():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                self._insert()
                self._database.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    self._database.execute("ROLLBACK")
                raise
        for noted in (self._frames, self._packets, self._side_data):
            noted.clear()
        self._size, self._written_at = 0, monotonic()

    def close(self) -> None:
        """Let another process have it."""
        self._database.close()

    def delete(self) -> None:
        """Forget all of it."""
        self._database.close()
        self.path.unlink(missing_ok=True)

    def _insert(self) -> None:
        run = self._database
        run.executemany("INSERT INTO frames VALUES (?, ?, ?)", self._frames)
        run.executemany("INSERT INTO packets VALUES (?, ?, ?, ?, ?, ?)", self._packets)
        run.executemany("INSERT INTO side_data VALUES (?, ?, ?)", self._side_data)
        run.execute("REPLACE INTO facts VALUES ('seconds', ?)", (str(self.seconds()),))

    def _count_without_gaps(self) -> int:
        """Encoded frames, the most before which in time none is missing."""
        count = 0
        latest: int | None = None
        pairs = self._database.execute(
            "SELECT packets.pts, frames.pts FROM packets JOIN frames USING (number) "
            "ORDER BY packets.number"
        )
        for number, (encoded, shown) in enumerate(pairs, 1):
            latest = encoded if latest is None else max(latest, encoded)
            if latest == shown:  # so many frames are shown up to there
                count = number
        return count

    def _source_of(self, number: int) -> int:
        return self._value("SELECT source FROM frames WHERE number = ?", number)

    def _value(self, query: str, *given: int) -> int:
        with self._failing():
            value = self._database.execute(query, given).fetchone()[0]
        assert isinstance(value, int)
        return value

    @contextmanager
    def _failing(self) -> Iterator[None]:
        """Say of the database's errors what they mean.

        Raises:
            VideoError: In their place.
        """
        try:
            yield
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise VideoError(
                    f"{self.path} is in use: another job writes the same file; wait for its end"
                ) from error
            raise VideoError(f"cannot write {self.path}: {error}") from error
        except sqlite3.DatabaseError as error:
            raise VideoError(
                f"{self.path} is damaged or no journal ({error}); delete it, or begin again with "
                "--overwrite"
            ) from error
