"""The firmware of the stimulus box, compiled and run in simavr.

Two ways to run it, with the same simulator:

    with SteppedBox(built) as box:      # time stands still but for run_us: exact, repeatable, fast
        box.send(frame)
        box.run_us(500)
        box.pins, box.sent

    with LiveBox(built, tmp_path / "box") as box:   # real time, a serial port for pyserial
        serial.Serial(str(box.port), 500_000)
        box.pins()

`built` comes from `build(folder)`, once per test session (fixture `built_box`).
A cycle is 1/16 us. Simulated time never goes faster than real time in `LiveBox`; if the machine
is too busy for it, it stands still rather than catch up by more than 20 ms.
"""

import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar

HERE = Path(__file__).parent
FIRMWARE = Path(__file__).resolve().parents[2] / "tracker" / "actuators" / "firmware"
CYCLES_PER_US = 16
LED = 4
T = TypeVar("T")
DEBIAN_PACKAGES = (
    "gcc make gcc-avr binutils-avr avr-libc libsimavr-dev libelf-dev"  # libsimavr2 comes with -dev
)


@dataclass(frozen=True)
class Built:
    """Paths of the simulator, the firmware, and the firmware with what only tests need."""

    simulator: Path
    firmware: Path
    test_firmware: Path


@dataclass(frozen=True)
class PinChange:
    """`line` 0 to 3, or `LED`, is high or low from `cycle` on."""

    line: int
    high: bool
    cycle: int

    @property
    def us(self) -> float:
        return self.cycle / CYCLES_PER_US


def what_is_missing() -> str | None:
    """Why it cannot be built here; None if it can."""
    for tool in ("make", "gcc", "avr-gcc", "avr-objcopy"):
        if shutil.which(tool) is None:
            return f"{tool} is missing: apt-get install {DEBIAN_PACKAGES}"
    if not Path("/usr/include/simavr/sim_avr.h").is_file():
        return f"simavr's headers are missing: apt-get install {DEBIAN_PACKAGES}"
    return None


def build_firmware(folder: Path, extra: str = "") -> Path:
    """Compile the firmware into `folder`; its .hex lies beside the .elf."""
    _run("make", "-C", str(FIRMWARE), f"BUILD={folder}", f"EXTRA={extra}")
    return folder / "stimulus_box.elf"


def build(folder: Path) -> Built:
    """Compile everything into `folder`. The test firmware's clock wraps after two seconds."""
    folder.mkdir(parents=True, exist_ok=True)
    simulator = folder / "box_in_simavr"
    source = str(HERE / "box_in_simavr.c")
    _run(
        "gcc",
        "-O2",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-o",
        str(simulator),
        source,
        "-lsimavr",
        "-lelf",
    )
    return Built(
        simulator=simulator,
        firmware=build_firmware(folder / "released"),
        test_firmware=build_firmware(folder / "test", "-DTEST_HANG -DTEST_FIRST_US=0xFFE18000UL"),
    )


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"


class SteppedBox:
    """The box in simulated time, which goes on only while `run_us` runs.

    Attributes:
        cycle: Now.
        pins: All pin changes so far, oldest first.
        sent: All bytes that the box has begun to send, with the cycle of each.
        resets: ("watchdog" or "external", cycle).
        overruns: Bytes that the box left in its UART until they were lost.
        longest_masked_us: Longest time with interrupts off in the last `run_us`.
    """

    def __init__(self, built: Built, firmware: Path | None = None) -> None:
        self.cycle = 0
        self.pins: list[PinChange] = []
        self.sent: list[tuple[int, int]] = []
        self.resets: list[tuple[str, int]] = []
        self.overruns = 0
        self.longest_masked_us = 0.0
        self._process = subprocess.Popen(
            [built.simulator, firmware or built.firmware, "step"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._process.kill()
        self._process.communicate()

    @property
    def us(self) -> float:
        return self.cycle / CYCLES_PER_US

    def send(self, data: bytes) -> None:
        """Put bytes on the serial line, behind those still on it, 20 us each."""
        self._tell(f"send {data.hex()}")

    def drive(self, pin: int, high: bool) -> None:
        """Drive input 0 or 1."""
        self._tell(f"input {pin} {int(high)}")

    def wire(self, line: int, pin: int) -> None:
        """Connect a line to an input."""
        self._tell(f"wire {line} {pin}")

    def reset(self) -> None:
        """Press the reset button."""
        self._tell("reset")

    def install_boot_loader(self) -> None:
        """From now on the cause of a reset is cleared before the firmware runs."""
        self._tell("loader")

    def run_us(self, us: float) -> None:
        """Let time go on."""
        self._tell(f"run {round(us * CYCLES_PER_US)}")
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.flush()
        for line in self._process.stdout:
            kind, *rest = line.split()
            if kind == "pin":
                self.pins.append(PinChange(int(rest[0]), rest[1] == "1", int(rest[2])))
            elif kind == "byte":
                self.sent.append((int(rest[0], 16), int(rest[1])))
            elif kind == "overrun":
                self.overruns += 1
            elif kind == "reset":
                self.resets.append((rest[0], int(rest[1])))
            elif kind == "done":
                self.cycle = int(rest[0])
                self.longest_masked_us = int(rest[1]) / CYCLES_PER_US
                return
        raise AssertionError("the simulator has ended")

    def changes(self, line: int, since: int = 0) -> list[PinChange]:
        """What one line did from cycle `since` on."""
        return [each for each in self.pins if each.line == line and each.cycle >= since]

    def high(self, line: int) -> bool:
        """Whether a line is high now."""
        changes = self.changes(line)
        return bool(changes) and changes[-1].high

    def _tell(self, command: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(command + "\n")


class LiveBox:
    """The box in real time, behind a serial port (a pseudo-terminal).

    Args:
        built: From `build`.
        folder: Made if it is not there; holds the port and the log of events.
        firmware: Instead of the released one.

    Attributes:
        port: A path that stays the same if the box is stopped and started again.
    """

    def __init__(self, built: Built, folder: Path, firmware: Path | None = None) -> None:
        self.port = folder / "port"
        self._folder = folder
        self._command = [str(built.simulator), str(firmware or built.firmware), "pty"]
        self._process: subprocess.Popen[bytes] | None = None
        self._n_starts = 0
        folder.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def start(self) -> None:
        """Plug it in. Its cycles count from 0 again, and its pins are forgotten."""
        self._n_starts += 1
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT
            )
        port = self.wait_for(lambda: [each[1] for each in self._events() if each[0] == "port"])
        self.port.unlink(missing_ok=True)
        self.port.symlink_to(port[0])

    def stop(self) -> None:
        """Unplug it: the port is gone, and every line is low for want of power."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None
        self.port.unlink(missing_ok=True)

    def tell(self, command: str) -> None:
        """Give the simulator a command: "input 0 1", "wire 0 0", "reset"."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(command.encode() + b"\n")
        self._process.stdin.flush()

    def pins(self) -> list[PinChange]:
        """All pin changes since the start, oldest first."""
        return [
            PinChange(int(line), level == "1", int(cycle))
            for kind, line, level, cycle in (each for each in self._events() if each[0] == "pin")
        ]

    def high(self, line: int) -> bool:
        """Whether a line is high now."""
        levels = [each.high for each in self.pins() if each.line == line]
        return bool(levels) and levels[-1]

    def wait_for(self, found: Callable[[], T], timeout_s: float = 10.0) -> T:
        """Return what `found` returns, as soon as that is true."""
        deadline = time.monotonic() + timeout_s
        while not (result := found()):
            assert time.monotonic() < deadline, f"not within {timeout_s} s: {self._log.read_text()}"
            time.sleep(0.002)
        return result

    @property
    def _log(self) -> Path:
        return self._folder / f"events_{self._n_starts}.txt"

    def _events(self) -> list[list[str]]:
        # The last line may be there in part.
        return [line.split() for line in self._log.read_text().rpartition("\n")[0].splitlines()]
