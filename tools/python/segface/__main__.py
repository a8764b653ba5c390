"""The command line, `segface`, as it is built beside the library."""

import os
import subprocess
import sys

from ._library import PACKAGE


def main() -> None:
    program = str(PACKAGE / "bin" / "segface")
    if os.name == "posix":
        os.execv(program, [program, *sys.argv[1:]])
    sys.exit(subprocess.call([program, *sys.argv[1:]]))


if __name__ == "__main__":
    main()
