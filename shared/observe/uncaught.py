"""What nobody caught, and Python's warnings: told by the log like all else, without their words."""

from __future__ import annotations

import sys
import threading
import warnings
from types import TracebackType
from typing import Any, TextIO

import structlog

log: Any = structlog.stdlib.get_logger(__name__)


def tell_all() -> None:
    """From now on this process writes none of them past its log."""
    sys.excepthook = _uncaught
    sys.unraisablehook = _unraisable
    threading.excepthook = _uncaught_in_thread
    warnings.showwarning = _warned


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        log.warning("interrupted")
        return
    log.critical("uncaught", exc_info=error.with_traceback(trace))


def _uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is None or isinstance(args.exc_value, SystemExit):
        return
    log.error("uncaught in a thread", thread=args.thread.name if args.thread else "", exc_info=args.exc_value)


def _unraisable(args: Any) -> None:
    """In a destructor, say, where nothing can be raised; what it happened in is an object that may hold anything."""
    log.error("ignored, as nothing could be raised", exc_info=args.exc_value or args.exc_type())


def _warned(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    log.warning("a library warns", category=category.__qualname__, at=f"{filename}:{lineno}")
