#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Damaged images of ext4, FAT and ISO 9660: mounted, read and written in a machine, which must not notice.

    damage.py COUNT [SEED [FIRST]]      so many images, in machines of 200 each; prints what came of them

What is done to an image depends on the seed and its number alone: with the seed and FIRST, a run goes on where another ended.

An image is one of a few small ones, with random bytes changed where metadata lies, or cut short. In the machine it goes to
the RAM disk, is mounted and used. Afterwards everything else works as before: a file in another file system is what it was,
programs start, no memory is lost to speak of. That a mount or a use fails is right; a server that crashes is counted.
"""

import os
import random
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from machine import BUILD, ROOT, atomik  # noqa: E402

BATCH = 200
TOOLS = dict(os.environ, PATH=os.environ.get("PATH", "") + ":/sbin:/usr/sbin", MTOOLS_SKIP_CHECK="1")

# For each image: the type and, if it could be mounted, m.
GUEST = r"""
md5sum /bin/busybox >/tmp/before
use() {
    cd /mnt && find . 2>/dev/null | head -n 300 >/tmp/names
    while read -r name; do [ -f "$name" ] && head -c 100000 "$name"; readlink "$name"; done </tmp/names >/dev/null 2>&1
    cp /etc/passwd new; mkdir newdir; mv new newdir/moved; echo more >>newdir/moved; rm -rf newdir fs; sync
    cat many/* >/dev/null; mkdir -p a/b/c; cp -r libc copy; rm -rf copy
}
free | awk '/Mem/ {print "free", $4}'
for image in /host/*.*; do
    type=${image##*.}
    cat $image >/dev/ram0 2>/dev/null; sync
    if mount -t $type /dev/ram0 /mnt 2>/dev/null; then
        echo "$type m"
        (use) >/dev/null 2>&1
        umount /mnt 2>/dev/null || { sleep 1; umount -f /mnt; }
    else
        echo "$type -"
    fi
done
md5sum -c /tmp/before
free | awk '/Mem/ {print "free", $4}'
hello-native alive
"""


def tool(*words):
    subprocess.run(words, env=TOOLS, check=True, capture_output=True)


def make_bases(directory):
    """(type, bytes, ranges that are metadata) of whole images of lib/libc."""
    source = os.path.join(ROOT, "lib", "libc")
    bases = []
    for number, options in enumerate((("-b", "1024"), ("-b", "1024", "-O", "^has_journal,^metadata_csum"), ("-b", "4096"))):
        path = os.path.join(directory, f"ext{number}")
        tool("mke2fs", "-q", "-F", "-t", "ext4", "-N", "128", *options, "-d", source, path, "2500k")
        bases.append(("ext4", path, [(0, 160 << 10)]))
    for bits in (12, 16, 32):
        path = os.path.join(directory, f"fat{bits}")
        tool("mkfs.vfat", "-F", str(bits), "-s", "1", "-C", path, str({12: 1440, 16: 5000, 32: 34000}[bits]))
        files = [os.path.join(source, name) for name in sorted(os.listdir(source))]
        tool("mcopy", "-i", path, "-s", *files, "::")
        bases.append(("vfat", path, [(0, 8 << 10), (16 << 10, 60 << 10)] if bits < 32 else [(0, 4096), (16384, 600 << 10)]))
    for options in (("-R",), ("-J",), ("-R", "-J")):
        path = os.path.join(directory, "iso" + "".join(options))
        tool("genisoimage", "-quiet", *options, "-o", path, source)
        bases.append(("iso9660", path, [(32 << 10, 64 << 10)]))
    result = []
    for kind, path, ranges in bases:
        with open(path, "rb") as file:
            result.append((kind, file.read().rstrip(b"\0") if kind == "vfat" else file.read(), ranges))
    return result


def damage(base, chance):
    """Some bytes changed, by a bit, to an extreme or to anything; or the end is missing."""
    kind, whole, ranges = base
    image = bytearray(whole)
    for _ in range(chance.choice((1, 2, 5, 20, 100))):
        start, length = chance.choice(ranges)
        at = min(start + chance.randrange(length), len(image) - 4)
        how = chance.randrange(4)
        if how == 0:
            image[at] ^= 1 << chance.randrange(8)
        elif how == 1:
            image[at:at + 4] = chance.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f", b"\0\0\0\x80"))
        elif how == 2:
            image[at] = chance.randrange(256)
        else:
            other = min(start + chance.randrange(length), len(image) - 16)
            image[at:at + 8] = image[other:other + 8]
    if chance.randrange(10) == 0:
        del image[chance.randrange(len(image)):]
    return kind, bytes(image)


def run_batch(bases, numbers, seed):
    """Counts of what came of the images; an AssertionError if the machine noticed."""
    count = len(numbers)
    with tempfile.TemporaryDirectory() as share:
        for number in numbers:
            kind, image = damage(bases[number % len(bases)], random.Random(f"{seed} {number}"))
            with open(os.path.join(share, f"{number:06}.{kind}"), "wb") as file:
                file.write(image)
        result = atomik("run", "--build", BUILD, "--unix-only", "--verbose", "--append", "ramdisk", "--mem", "128", "--timeout",
                        str(120 + 3 * count), "--share", share, "--", "/bin/sh", "-c", GUEST)
    text, log = result.stdout.decode(errors="replace"), result.stderr.decode(errors="replace")
    assert result.returncode == 0, text[-2000:] + log[-2000:]
    assert "/bin/busybox: OK" in text and "alive" in text, text[-2000:]
    before, after = (int(number) for number in re.findall(r"^free (\d+)", text, re.M))
    assert after > before - 16384, f"{before - after} KiB are lost"
    outcomes = re.findall(r"^(ext4|vfat|iso9660) ([m-])", text, re.M)
    assert len(outcomes) == count, text[-2000:]
    return len(outcomes), sum(mounted == "m" for _, mounted in outcomes), re.findall(r".*(?:fault|assert).*", log)


def run(count, seed, first=0):
    totals, crashes = [0, 0], []
    with tempfile.TemporaryDirectory() as directory:
        bases = make_bases(directory)
    for start in range(first, first + count, BATCH):
        numbers = range(start, min(start + BATCH, first + count))
        images, mounted, lines = run_batch(bases, numbers, seed)
        totals[0] += images
        totals[1] += mounted
        crashes += [f"images {numbers.start} to {numbers.stop - 1}: {line.strip()}" for line in lines]
        if count > BATCH:
            print(f"up to {numbers.stop}: {totals[0]} images, {totals[1]} mounted, {len(crashes)} crashes of a file server", flush=True)
    return totals[0], totals[1], crashes


def main():
    count = int(sys.argv[1])
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 30)
    print(f"seed {seed}", flush=True)
    images, mounted, crashes = run(count, seed, int(sys.argv[3]) if len(sys.argv) > 3 else 0)
    print(f"{images} images, {mounted} mounted, {len(crashes)} crashes of a file server; the machines noticed nothing")
    for line in crashes[:20]:
        print("  " + line)


if __name__ == "__main__":
    main()
