"""Loaded by pytest before anything reads the settings (`-p tests.environment`): tests get a folder,
servers and names of their own, never the checkout's, where a demo may be running."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from pathlib import Path

VAR = Path(tempfile.mkdtemp(prefix="surety-tests-"))
VAR.chmod(0o755)
os.environ["SURETY_VAR"] = str(VAR)
os.environ["SURETY_JOB_LEASE_SECONDS"] = "3"
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"


# A run that is told to stop still stops its servers: pytest ends a KeyboardInterrupt in good order.
signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_unconfigure() -> None:
    shutil.rmtree(VAR, ignore_errors=True)
