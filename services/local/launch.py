"""Starts one program so that the kernel ends it when its supervisor dies, however that dies.

Run as a file: ``python -I -S launch.py SIGNAL SUPERVISOR_PID PROGRAM ARGUMENT…``. The program takes over this
process (same pid). It is a program of its own because the request must be made between fork and exec, where a
supervisor with threads must not run Python code.
"""

from __future__ import annotations

import os
import sys

#: ``prctl`` option, linux/prctl.h; kept over exec unless the new program is set-user-ID.
PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    death_signal, supervisor, *command = arguments
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(death_signal))
    if os.getppid() != int(supervisor):  # it died before the request was made
        return
    try:
        os.execvp(command[0], command)  # noqa: S606 -- the supervisor's own table of commands
    except OSError as error:
        sys.exit(f"{command[0]}: {error.strerror}")


if __name__ == "__main__":
    main(sys.argv[1:])
