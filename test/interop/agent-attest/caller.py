"""Connects to a Unix socket, then does what its input says, one command a line; answers each with a line.

Words after the socket: `as=UID` or `as=UID:GROUP,GROUP` for who connects, `userns` for a user namespace of its own, `passes` for
a process beside it that can be handed the socket.
"""

import ctypes
import os
import socket
import sys
import threading
import time

# Seconds that whoever holds a socket for another stays; nobody is left to end it.
WHILE = 20


def connected(path):
    """The socket, also of the process that this program replaced."""
    if path.startswith("fd:"):
        return socket.socket(fileno=int(path[3:]))
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(path)
    return connection


def many(path, count):
    for _ in range(count):
        one = socket.socket(socket.AF_UNIX)
        one.connect(path)
        one.close()


def become(who):
    user, _, groups = who.partition(":")
    os.setgroups([int(group) for group in groups.split(",") if group])
    os.setresgid(int(user), int(user), int(user))
    os.setresuid(int(user), int(user), int(user))


def write(path, text):
    # Not open(): modules that it needs may be closed to who this is by now.
    file = os.open(path, os.O_WRONLY)
    os.write(file, text.encode())
    os.close(file)


def enter_user_namespace():
    """As root inside, like `unshare --map-root-user`."""
    user = os.geteuid()
    # A process that changed its user may not write its own maps until this is so again.
    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)
    if ctypes.CDLL(None).unshare(0x10000000) != 0:
        sys.exit("no user namespace")
    write("/proc/self/setgroups", "deny")
    write("/proc/self/uid_map", f"0 {user} 1")
    write("/proc/self/gid_map", f"0 {user} 1")


def main():
    path = sys.argv[1]
    receiver, sender = socket.socketpair()
    if "passes" in sys.argv and os.fork() == 0:
        _, kept, _, _ = socket.recv_fds(receiver, 16, 1)
        time.sleep(WHILE)
        os._exit(len(kept))
    for word in sys.argv[2:]:
        if word.startswith("as="):
            become(word[3:])
        elif word == "userns":
            enter_user_namespace()
    connection = connected(path)
    connection.set_inheritable(True)
    print("connected", os.getpid(), flush=True)
    for line in sys.stdin:
        command, *words = line.split()
        if command == "exec":
            os.execv(words[0], words)
        elif command == "again":
            os.execv(sys.executable, [sys.executable, os.path.abspath(__file__), f"fd:{connection.fileno()}"])
        elif command == "setuid":
            os.setresuid(int(words[0]), int(words[0]), int(words[0]))
        elif command == "seteuid":
            os.seteuid(int(words[0]))
        elif command == "setgid":
            os.setresgid(int(words[0]), int(words[0]), int(words[0]))
        elif command == "pass":
            socket.send_fds(sender, [b"x"], [connection.fileno()])
        elif command == "leave":
            # The child has the socket; the parent ends.
            if os.fork() == 0:
                os.close(0)
                time.sleep(WHILE)
                os._exit(0)
            print("done", flush=True)
            os._exit(0)
        elif command == "many":
            many(path, int(words[0]))
        elif command == "end-main-thread":
            threading.Thread(target=time.sleep, args=(WHILE,)).start()
            print("done", flush=True)
            ctypes.CDLL(None).pthread_exit(None)
        print("done", flush=True)


main()
