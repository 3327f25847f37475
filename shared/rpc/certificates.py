"""This process's certificate, read again when its files change, so that a renewal needs no restart."""

from __future__ import annotations

import ssl
import threading
import time
from pathlib import Path
from typing import NamedTuple

from shared.config import ConfigError
from shared.observe.logs import logger
from shared.rpc.tls_files import TlsFiles

#: Between two looks at the files, s.
LOOK_SECONDS = 1.0

log = logger(__name__)


class Material(NamedTuple):
    """What the files held, PEM."""

    certificate: bytes
    key: bytes
    authorities: bytes


class Certificates:
    """The newest material that was whole. Safe to share among threads: gRPC asks for it from threads of its own."""

    def __init__(self, files: TlsFiles) -> None:
        """Reads the files; :class:`ConfigError` names what is wrong with them, never a key."""
        self._files = files
        self._lock = threading.Lock()
        self._stamp = _stamp(files)
        self._material = _read(files)
        self._looked_at = time.monotonic()

    def current(self) -> Material:
        """What stands in the files; what stood there before, as long as they cannot be used."""
        with self._lock:
            if time.monotonic() - self._looked_at >= LOOK_SECONDS:
                self._looked_at = time.monotonic()
                self._look()
            return self._material

    def _look(self) -> None:
        try:
            stamp = _stamp(self._files)
            if stamp == self._stamp:
                return
            self._material = _read(self._files)
        except ConfigError as error:
            # A certificate whose key is not yet there is looked at again: files are seldom replaced in one step.
            log.warning("the new certificate is not used yet", reason=str(error))
            return
        self._stamp = stamp
        log.info("certificate renewed", file=self._files.certificate)


def _stamp(files: TlsFiles) -> tuple[tuple[int, int, int], ...]:
    """Changes whenever a file is written or replaced."""
    try:
        found = [Path(file).stat() for file in files]
    except OSError as error:
        raise ConfigError(f"{error.filename}: {error.strerror}") from None
    return tuple((one.st_ino, one.st_mtime_ns, one.st_size) for one in found)


def _read(files: TlsFiles) -> Material:
    """Raises :class:`ConfigError` unless the key is the certificate's own and the authorities are some."""
    try:
        _check(files)
        return Material(*(Path(file).read_bytes() for file in files))
    except ssl.SSLError as error:
        raise ConfigError(f"{files.certificate}, {files.key} and {files.authorities}: {error.reason}") from None
    except OSError as error:
        raise ConfigError(f"{error.filename or files.certificate}: {error.strerror}") from None


def _check(files: TlsFiles) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # Without a password of our own, a key that has one would be asked for at the terminal.
    context.load_cert_chain(files.certificate, files.key, password="")
    context.load_verify_locations(files.authorities)
