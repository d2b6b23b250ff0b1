"""A thread of the daemon: rounds of work whenever there is some, and never a silent end."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# After an error, before the next try: a full disk stays full for a while.
PAUSE_S = 5.0


class Loop:
    """Calls `work` once started, whenever woken, and after the seconds that it returned last (None:
    when woken only). What it raises goes to `on_error`, and a pause later it is called again.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[], float | None],
        on_error: Callable[[Exception], None],
        *,
        pause_s: float = PAUSE_S,
    ) -> None:
        self._work = work
        self._on_error = on_error
        self._pause_s = pause_s
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name)

    @property
    def stopping(self) -> bool:
        """Whether the work in hand should come to an end."""
        return self._stop.is_set()

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin with the first round."""
        self._thread.start()

    def wake(self) -> None:
        """There may be something to do."""
        self._wake.set()

    def halt(self) -> None:
        """Begin no further round; returns at once."""
        self._stop.set()
        self._wake.set()

    def pause(self, seconds: float) -> None:
        """Within a round: wait so long, or until the round should come to an end."""
        self._stop.wait(seconds)

    def stop(self) -> None:
        """End after the round in hand."""
        self.halt()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        wait_s: float | None = 0.0
        while True:
            self._wake.wait(wait_s)
            self._wake.clear()
            if self.stopping:
                return
            try:
                wait_s = self._work()
            except Exception as error:  # noqa: BLE001 - a thread that ended would leave the daemon deaf
                if self.stopping:
                    return
                self._on_error(error)
                # Not to be woken early: what failed now fails again in a moment.
                wait_s = 0.0
                self._stop.wait(self._pause_s)
