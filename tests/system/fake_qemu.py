#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Stands in for QEMU in the tests of the host command: speaks the guest's half of `run`.

What it does follows from the program that it is asked to run:

    cat             standard input to standard output, then exit 0
    status N        exit with that status
    args ...        the arguments, one per line, on standard output; directory and personality on stderr
    flood N         N bytes of output in one go, before and after the EXIT frame
    missing         the error frame for a program that is not there
    panic           some lines on the console, then the end that a kernel panic has
    silent          ends without a word
    hang            never ends
    garbage         a control frame that makes no sense
"""

import os
import re
import socket
import struct
import sys
import time


def channels():
    found = re.findall(r"socket,id=(\w+),fd=(\d+)", "\n".join(sys.argv))
    return {name: socket.socket(fileno=int(fd)) for name, fd in found}


def receive(sock, count):
    data = b""
    while len(data) < count:
        piece = sock.recv(count - len(data))
        if not piece:
            sys.exit(0)
        data += piece
    return data


def read_request(ctl):
    length = struct.unpack("<I", receive(ctl, 4))[0]
    body = receive(ctl, length)
    version, flags, argc, envc = struct.unpack_from("<IIII", body)
    assert version == 1 and flags == 0
    strings = body[16:].split(b"\0")
    assert strings.pop() == b"" and len(strings) == 2 + argc + envc
    return strings[0], strings[1], strings[2:2 + argc]


def send_exit(ctl, status, out=0, err=0):
    ctl.sendall(struct.pack("<IIiII", 16, 1, status, out, err))


def cat(pipes):
    copied = 0
    while data := pipes["stdin"].recv(65536):
        pipes["stdout"].sendall(data)
        copied += len(data)
    send_exit(pipes["ctl"], 0, copied)


def flood(pipes, size):
    block = bytes(range(256)) * (size // 512)
    pipes["stdout"].sendall(block)
    send_exit(pipes["ctl"], 0, 2 * len(block))
    pipes["stdout"].sendall(block)


def args(pipes, cwd, personality, argv):
    out = b"".join(argument + b"\n" for argument in argv)
    err = cwd + b" " + personality + b"\n"
    pipes["stdout"].sendall(out)
    pipes["stderr"].sendall(err)
    send_exit(pipes["ctl"], 0, len(out), len(err))


def main():
    pipes = channels()
    cwd, personality, argv = read_request(pipes["ctl"])
    pipes["console"].sendall(b"fake machine boots\r\nsecond line\r\n")
    kind = argv[0].decode()
    if kind == "cat":
        cat(pipes)
    elif kind == "status":
        send_exit(pipes["ctl"], int(argv[1]))
    elif kind == "args":
        args(pipes, cwd, personality, argv)
    elif kind == "flood":
        flood(pipes, int(argv[1]))
    elif kind == "missing":
        text = b"missing: no such program"
        pipes["ctl"].sendall(struct.pack("<IIi", 8 + len(text), 2, 127) + text)
    elif kind == "panic":
        sys.exit((0x31 << 1) | 1)
    elif kind == "hang":
        print(os.getpid(), file=open(argv[1], "w", encoding="ascii"), flush=True)
        time.sleep(600)
    elif kind == "garbage":
        pipes["ctl"].sendall(struct.pack("<II", 1 << 30, 7))
        time.sleep(600)


if __name__ == "__main__":
    main()
