"""Run as a script in a fresh interpreter: become the account, tie the program's life to pandad's, exec it.

    python -I -S launch.py PARENT_PID SIGNAL UID GID DIRECTORY PROGRAM [ARGUMENT ...]

UID and GID are ``-``  when the account is to stay as it is. Kept out of the daemon because nothing that
happens between fork and exec in a process with threads is safe. Imports only the standard library: it runs
without site-packages.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1
"""prctl(2): the signal this process gets when the thread that forked it dies. Linux only."""


def main(arguments: list[str]) -> None:
    """Become the account, tie this process to its parent, turn into the program. Does not return."""
    parent, number, uid, gid, directory, *command = arguments
    libc = ctypes.CDLL(None)
    # A Ctrl-C meant for pandad must not reach PostgreSQL before pandad has finished with it.
    os.setsid()
    # Before the drop: below a directory the account may not enter, only the working directory leads to the
    # data.
    os.chdir(directory)
    if uid != "-":
        os.setgroups([])
        os.setgid(int(gid))
        os.setuid(int(uid))
    if sys.platform == "linux":
        # After the drop: a change of uid clears it.
        libc.prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != int(parent):
            sys.exit("pandad died while it was starting PostgreSQL")
    os.umask(0o077)
    os.execv(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
