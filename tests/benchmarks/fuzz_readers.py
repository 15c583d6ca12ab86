"""Mutates small files of every format and reads them: each must end in rows or a named error, in bounded time.

    python tests/benchmarks/fuzz_readers.py 60 [SEED]

Every reading happens in a child process, so that a library that crashes is told with the file that did it.
"""

import multiprocessing
import random
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from contextlib import suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from gis.errors import LifangError
from gis.read import read_features
from tests.gis import corpus

LONGEST_S = 20.0
_WORDS = (
    b"\0",
    b"\xff",
    b"\xff\xff\xff\x7f",
    b"-1",
    b"1e999",
    b"nan",
    b"9" * 20,
    b"<",
    b"{",
    b"[",
    b'"',
    b"&a;",
    b"\n",
)


def mutated(content, rng):
    """Return the bytes with one to eight changes: flipped, cut, doubled, replaced, cut off, a number made absurd."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 4, 8))):
        if not data:
            break
        at, size = rng.randrange(len(data)), rng.choice((1, 1, 2, 4, 16, 200))
        match rng.randrange(7):
            case 0:
                data[at] ^= 1 << rng.randrange(8)
            case 1:
                data[at] = rng.randrange(256)
            case 2:
                del data[at : at + size]
            case 3:
                data[at:at] = data[at : at + size] * rng.choice((1, 2, 50))
            case 4:
                data[at : at + size] = rng.choice(_WORDS)
            case 5:
                other = rng.randrange(len(data))
                data[at : at + size] = data[other : other + size]
            case 6:
                del data[at : None if rng.random() < 0.3 else at + 1]
    return bytes(data)


def outcome(path, options):
    """Read a file; return what came of it. Anything but rows or a LifangError is a fault."""
    started = time.monotonic()
    try:
        read_features(path, **options, on_warning=lambda _: None)
        result = "rows"
    except LifangError as error:
        result = error.code
    except Exception:  # noqa: BLE001 - this is what is looked for
        return "FAULT " + traceback.format_exc(limit=-4)
    took = time.monotonic() - started
    return result if took < LONGEST_S else f"FAULT {took:.0f} s"


def cases(originals, folder, rng):
    """Yield mutated copies without end: a folder of its own, the main file, options."""
    at = 0
    while True:
        for write, path in originals:
            own = folder / f"{at}-{write.__name__}"
            shutil.copytree(path.parent, own)
            parts = sorted(part for part in own.iterdir() if part.is_file())
            victim = rng.choice(parts)
            victim.write_bytes(mutated(victim.read_bytes(), rng))
            yield write, own, own / path.name, corpus.options_of(write)
            at += 1


def _serve(connection):
    with suppress(EOFError, KeyboardInterrupt):
        while True:
            connection.send(outcome(*connection.recv()))


class Child:
    """A process that reads files, started anew when a library brings it down."""

    def __init__(self):
        self._start()

    def _start(self):
        self.here, there = multiprocessing.Pipe()
        self.process = multiprocessing.get_context("spawn").Process(target=_serve, args=(there,), daemon=True)
        self.process.start()
        there.close()

    def read(self, path, options):
        self.here.send((path, options))
        try:
            if self.here.poll(LONGEST_S + 10):
                return self.here.recv()
            result = "FAULT hangs"
        except EOFError:
            self.process.join()
            result = f"FAULT ended with {self.process.exitcode}"
        self.process.kill()
        self._start()
        return result


def main(seconds, seed):
    rng, found = random.Random(seed), Counter()
    keep = Path(tempfile.mkdtemp(prefix="lifang-fuzz-"))
    (keep / "originals").mkdir()
    originals = corpus.write_all(keep / "originals")
    child, faults = Child(), 0
    child.read(originals[0][1], {})  # libraries are loaded
    until = time.monotonic() + seconds
    for write, own, path, options in cases(originals, keep, rng):
        if time.monotonic() > until:
            break
        result = child.read(path, options)
        found[write.__name__, result.split("\n")[0]] += 1
        if result.startswith("FAULT"):
            faults += 1
            print(f"{path}\n{result}\n")
        else:
            shutil.rmtree(own)
    for (name, result), count in sorted(found.items()):
        print(f"{name:12} {count:6} {result}")
    print(f"{sum(found.values())} files, {faults} faults, seed {seed}" + (f"; kept in {keep}" if faults else ""))
    if not faults:
        shutil.rmtree(keep)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 60, int(sys.argv[2]) if len(sys.argv) > 2 else 1))
