# Processes, threads, waiting, signals and shared memory as Python's library uses them.
import asyncio
import ctypes
import json
import mmap
import multiprocessing
import os
import queue
import select
import signal
import socket
import sqlite3
import subprocess
import tempfile
import threading

print(json.loads(json.dumps({"a": [1, 2.5, None, True, "x\u00e9"]})))
print(subprocess.run(["echo", "hi"], capture_output=True, text=True, check=True).stdout)
process = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
print(len(process.communicate(b"x" * 200000)[0]), process.returncode)
try:
    subprocess.run(["sleep", "5"], timeout=0.2, check=False)
except subprocess.TimeoutExpired:
    print("timeout")

results, lock, done = [], threading.Lock(), queue.Queue()


def work(number):
    for _ in range(100):
        with lock:
            results.append(number)
    done.put(number)


threads = [threading.Thread(target=work, args=(number,)) for number in range(20)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(len(results), sorted(done.get() for _ in range(20)) == list(range(20)))
event = threading.Event()
threading.Timer(0.1, event.set).start()
print(event.wait(5), threading.Event().wait(0.01))

pid = os.fork()
if pid == 0:
    os._exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))

reader, writer = os.pipe()
poll, epoll = select.poll(), select.epoll()
poll.register(reader, select.POLLIN)
epoll.register(reader, select.EPOLLIN)
print(poll.poll(20), epoll.poll(0.02))
os.write(writer, b"abc")
print(select.select([reader], [], [], 1)[0] == [reader], len(poll.poll(20)), len(epoll.poll(0.02)))

signals = []
signal.signal(signal.SIGALRM, lambda number, frame: signals.append(number))
signal.setitimer(signal.ITIMER_REAL, 0.1)
signal.pause()
print(signals)

memory = mmap.mmap(-1, 8192)
memory[0:3] = b"abc"
if os.fork() == 0:
    memory[3:6] = b"def"
    os._exit(0)
os.wait()
print(memory[:6])
for directory in ("/tmp", "/root"):  # in memory, and on the root file system
    with tempfile.NamedTemporaryFile(dir=directory) as file:
        file.write(b"0" * 5000)
        file.flush()
        view = mmap.mmap(file.fileno(), 5000)
        view[4999:5000] = b"Z"
        view.flush()
        with open(file.name, "rb") as again:
            print(again.read()[-2:])
        os.rename(file.name, file.name + ".moved")
        os.rename(file.name + ".moved", file.name)
        print(os.fstat(file.fileno()).st_nlink)

with multiprocessing.get_context("fork").Pool(3) as pool:
    print(pool.map(abs, range(-3, 3)))
pair = socket.socketpair()
pair[0].send(b"hey")
print(pair[1].recv(10))


async def child():
    process = await asyncio.create_subprocess_exec("echo", "async", stdout=asyncio.subprocess.PIPE)
    return (await process.communicate())[0]


print(asyncio.run(child()))
print(sqlite3.connect(":memory:").execute("select 1 + 1").fetchone(), ctypes.CDLL(None).strlen(b"hello"))
