"""What runs in the jail reaches nothing outside, and ends when it takes too much."""

import contextlib
import ctypes
import getpass
import json
import os
import pickle
import resource
import socket
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import users
from attacking_calls import DENIED
from turns import daily_share

from course_utils.__main__ import main as run_command
from course_utils.marking import (
    control_groups,
    jail,
    redacted_package,
    shown_places,
    warm_python,
    watch,
)
from course_utils.marking.jail import Limits
from course_utils.marking.warm_python import START
from course_utils.workbooks import ROOT

pytestmark = pytest.mark.marking
SMALL = Limits(seconds=60, memory=300 * 2**20, file=2**20, output=2**20, threads=20)
TRY = """
import ctypes, glob, json, mmap, os, socket, sys
from pathlib import Path
from course_utils.marking import jail
job = json.load(sys.stdin)
jail.confine(jail.Limits(*job["limits"]), True)
outcomes, secret = {}, bytes.fromhex("736573616d65")  # the job is an open file, too
libc = ctypes.CDLL(None, use_errno=True)
numbers = {name: both[os.uname().machine == "aarch64"] for name, both in job["numbers"].items()}

def call(name, *args):
    args = [arg if isinstance(arg, bytes) else ctypes.c_long(arg) for arg in args]
    result = libc.syscall(ctypes.c_long(numbers.get(name, name)), *args)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result

def contents(pattern):
    for path in glob.glob(pattern):
        try:
            with open(path, "rb") as file:
                os.set_blocking(file.fileno(), False)
                yield (file.read(1 << 20) or b"") + os.fsencode(path)
        except OSError:
            pass

for name, code in job["attempts"].items():
    try:
        exec(code, globals() | {"place": Path(job["place"]), "port": job["port"]})
        outcomes[name] = "it worked"
    except BaseException as error:
        outcomes[name] = f"{type(error).__name__}: {error}"
print(json.dumps(outcomes), flush=True)
os._exit(0)
"""
# What calls `jail.run` as a tutor might: with a secret in its environment, its arguments, an open
# file and its keyring. The secret's numbers are keyctl(JOIN_SESSION_KEYRING) and add_key.
MARKER = """
import ctypes, os, pickle, sys, tempfile
from course_utils.marking import control_groups, jail
keyctl, add_key = {"x86_64": (250, 248), "aarch64": (219, 217)}[os.uname().machine]
libc = ctypes.CDLL(None)
libc.syscall(keyctl, 1, None)
libc.syscall(add_key, b"user", b"course", b"sesame", 6, -3)
secret = tempfile.TemporaryFile()
secret.write(b"sesame")
secret.seek(0)
os.set_inheritable(secret.fileno(), True)
groups, is_warm, *job = pickle.load(sys.stdin.buffer)
if groups is not None:
    control_groups.available = lambda: groups
if is_warm:
    with jail.warm_python(job[2], ["json", "mmap", "socket", "course_utils.marking.jail"]) as warm:
        result = jail.run(*job, warm=warm)
        assert warm.is_ready, "the warm Python did not enter the jail"
else:
    result = jail.run(*job)
sys.stdout.buffer.write(pickle.dumps(tuple(result)))
"""
HOME = os.path.expanduser("~")
CLONE = "number = {'x86_64': 56, 'aarch64': 220}[os.uname().machine]; "
ATTEMPTS = {
    # first, as others leave files open
    "inherit a descriptor": "assert {*os.listdir('/proc/self/fd')} - {'0', '1', '2', '3'}",
    "write into another's file": "[os.open(f, os.O_RDWR) for f in glob.glob('/proc/[0-9]*/fd/*') "
    "if int(f.split('/')[2]) != os.getpid() and os.path.isfile(f)][0]",
    "read the gradebook": "print((place / 'gradebook.db').read_bytes())",
    "read another submission": "print((place / 'submitted/ada/02/n.ipynb').read_text())",
    "list the folder": "print(list(place.iterdir()))",
    "read the course's tests": f"print(open({str(ROOT / 'tests/test_jail.py')!r}).read())",
    "read the answers": f"open({str(ROOT / 'course_utils/exercises/convolution.py')!r}).read()",
    "import an answer": "from course_utils.exercises import convolution as c; c.conv2d.answer",
    "import an oracle": "from course_utils.exercises.convolution import _conv2d_by_torch",
    "import a mistake": "from course_utils.exercises import convolution as c; c.conv2d.mistakes",
    "import the tutor's side": "import course_utils.publishing.editions",
    "list what else lies in /usr": "assert os.path.exists('/usr/src') or "
    "os.path.exists('/usr/local/share')",  # such as nbgrader's exchange
    "read the users": "print(open('/etc/passwd').read())",
    "list a home": f"assert sorted(os.listdir({HOME!r})) == {sorted(os.listdir(HOME))}",
    "write over the gradebook": "(place / 'gradebook.db').write_text('15/15')",
    "write beside it": "(place / 'new').write_text('x')",
    "write into Python": "open(sys.prefix + '/lib/x', 'w')",
    "write into the system": "open('/usr/x', 'w')",
    "write at the root": "open('/x', 'w')",
    "write into its input": "open('/input/course_utils/x', 'w')",
    "reach this computer": "socket.create_connection(('127.0.0.1', port), 5)",
    "reach the network": "socket.create_connection(('1.1.1.1', 53), 5)",
    "ask for a name": "socket.gethostbyname('pypi.org')",
    "see other processes": "assert len([p for p in os.listdir('/proc') if p.isdigit()]) > 5",
    "stop another process": f"os.kill({os.getpid()}, 9)",
    "become root": "os.setuid(0); open('/input/x', 'w')",
    "mount a folder": "import ctypes; c = ctypes.CDLL(None, use_errno=True); "
    "assert c.mount(b'none', b'/scratch', b'tmpfs', 0, None) == 0",
    "raise its limits": "import resource as r; r.setrlimit(r.RLIMIT_NPROC, (9999, 9999))",
    "take all memory": "bytearray(7 * 2**30)",
    "fill the disk": "open('/scratch/x', 'wb').write(bytes(2 * 2**20))",
    # what process 1, which is bubblewrap itself, and the marking hold
    "read environments": "assert secret in b''.join(contents('/proc/*/environ'))",
    "read command lines": "assert b'--ro-bind' in b''.join(contents('/proc/*/cmdline'))",
    "read open files": "assert secret in b''.join(contents('/proc/*/fd/*'))",
    "list what process 1 has open": "assert os.listdir('/proc/1/fd')",
    "read anything of process 1": "assert [*contents('/proc/1/*')]",
    "read its memory": "open('/proc/1/mem', 'rb').read(1)",
    "trace process 1": "call('ptrace', 0x4206, 1, 0, 0)",
    "be traced": "call('ptrace', 0, 0, 0, 0)",
    "read a process's memory": "call('process_vm_readv', os.getpid(), 0, 0, 0, 0, 0)",
    "find a key": "call('keyctl', 10, -3, b'user', b'course', 0)",
    "read its keyring": "call('keyctl', 11, -3, bytes(64), 64, 0)",
    "ask for a key": "call('request_key', b'user', b'course', 0, 0)",
    "add a key": "call('add_key', b'user', b'mine', b'x', 1, -3)",
    "list the keys": "assert open('/proc/keys').read()",
    "read more of the machine": "kept = 'cpuinfo filesystems loadavg meminfo mounts net self stat '"
    "'swaps sys thread-self uptime version vmstat'.split()\n"
    "others = [p for p in glob.glob('/proc/[a-z]*') if os.path.basename(p) not in kept]\n"
    "assert [p for p in others if os.path.isdir(p) and os.listdir(p) or [*contents(p)] not in "
    "([], [os.fsencode(p)])]",
    # what its own namespaces keep from it, each a thing that the host has
    "reach a socket that has no file": "socket.socket(1).connect('\\0course-' + str(port))",
    "list the host's segments": "assert Path('/proc/sysvipc/shm').read_text().count('\\n') > 1",
    "read the host's name": "assert os.uname().nodename != 'jail'",
    "read its group's path": "assert any(not line.rstrip().endswith(':/') "
    "for line in open('/proc/self/cgroup'))",
    "stay in the marking's session": "assert os.getsid(0) == 0",  # to type into its terminal
    # other namespaces
    "make a user namespace": "call('unshare', 0x10000000)",
    "make a mount namespace": "call('unshare', 0x00020000)",
    "clone by the newer call": "call(435, (0x10000000).to_bytes(8, 'little') + bytes(80), 88)",
    "hold a large file system": "call('unshare', 0x10020000); "
    "call('mount', b'none', b'/scratch', b'tmpfs', 0, b'size=20g')",
    "change its root": "call('chroot', b'/scratch')",
    "open by a handle": "call('open_by_handle_at', 0, bytes(64), 0)",
    # memory that no process has
    "hold an unnamed file": "os.memfd_create('x')",
    "hold a secret file": "call('memfd_secret', 0)",
    "hold shared memory": "mmap.mmap(-1, 2**20)",
    "hold shared zeros": "file = open('/dev/zero', 'r+b'); mmap.mmap(file.fileno(), 2**20)",
    "hold a segment": "call('shmget', 0, 4096, 0o1600)",
    "hold a queue": "call('msgget', 0, 0o1600)",
    "hold a semaphore": "call('semget', 0, 1, 0o1600)",
    "hold a POSIX queue": "call('mq_open', b'x', os.O_CREAT | os.O_RDWR, 0o600, 0)",
    "keep a list of rights": "entries = [(1, 7, 0), (4, 7, 0), (32, 7, 0)]\n"
    "import struct; rights = b''.join(struct.pack('<HHI', *entry) for entry in entries)\n"
    "os.setxattr('/scratch', 'system.posix_acl_access', struct.pack('<I', 2) + rights)",
    "take blocks beyond a file": "file = os.open('/scratch/b', os.O_CREAT | os.O_RDWR); "
    "call({'x86_64': 285, 'aarch64': 47}[os.uname().machine], file, 1, 0, 4096)",
    "make rules": "call(444, 0, 0, 1)",
    "take memory by an option": "number = {'x86_64': 157, 'aarch64': 167}[os.uname().machine]; "
    "call(number, 78, 1, 256, 0)",  # prctl(PR_FUTEX_HASH), since Linux 6.16
    "keep a page by one byte": "file = open('/scratch/p', 'w+b'); file.write(b'x'); file.flush(); "
    "os.splice(file.fileno(), os.pipe()[1], 1, 0)",
    "send a page's byte": "file = open('/scratch/q', 'w+b'); file.write(b'x'); file.flush(); "
    "pair = socket.socketpair(); os.sendfile(pair[0].fileno(), file.fileno(), 0, 1)",
    "say where pages are to lie": "number = {'x86_64': 237, 'aarch64': 235}[os.uname().machine]\n"
    "try: call(number, 1, 0, 0, 0, 0, 0)\nexcept OSError: pass\n"
    "else: raise OSError('nothing was done')",
    "take datagrams": "socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)",
    "take raw messages": "socket.socketpair(socket.AF_UNIX, socket.SOCK_RAW)",
    "enlarge a socket": "socket.socketpair()[0].setsockopt(socket.SOL_SOCKET, 7, 2**20)",
    "have a table of files for itself": "call(436, 100, 200, 2)",
    "open a hundred files": "files = [open('/dev/null') for i in range(100)]",
    # what is felt outside
    # a jail holds one process, and that remains what it is
    "start a process": "os.fork() or os._exit(0)",
    "start a process in its memory": CLONE + "call(number, 0x4111, 0, 0, 0, 0) or os._exit(0)",
    "start a process beside itself": CLONE + "call(number, 0x8011, 0, 0, 0, 0) or os._exit(0)",
    "start it in a user namespace": CLONE + "call(number, 0x10000011, 0, 0, 0, 0) or os._exit(0)",
    "start a thread with files of its own": CLONE + "call(number, 0x3D0B00, 0, 0, 0, 0)",
    "start a program": "__import__('subprocess').run(['/bin/true'])",
    "become a program": "os.execv('/bin/true', ['true'])",
    "become one without a name": "os.execve(os.open('/bin/true', os.O_RDONLY), ['true'], {})",
    "filter its calls": "number = {'x86_64': 157, 'aarch64': 167}[os.uname().machine]\n"
    "program = ctypes.create_string_buffer(b'\\6\\0\\0\\0\\0\\0\\xff\\x7f')\n"  # allow all
    "head = ctypes.create_string_buffer((1).to_bytes(8, 'little')\n"
    " + ctypes.addressof(program).to_bytes(8, 'little'))\n"
    "call(number, 22, 2, ctypes.addressof(head), 0, 0)",
    "send an open file": "socket.send_fds(socket.socketpair()[0], [b'x'], [0])",
    "open a socket": "socket.socket(socket.AF_UNIX)",
    "lock a file": "import fcntl; files = [open('/scratch/g', 'w') for _ in range(2)]\n"
    "fcntl.flock(files[0], 2)\ntry: fcntl.flock(files[1], 6)\n"
    "except BlockingIOError: pass\nelse: raise AssertionError",
    "lock parts of a file": "import fcntl; fcntl.lockf(open('/scratch/l', 'w'), fcntl.LOCK_EX)",
    "lease a file": "import fcntl; file = os.open('/scratch/m', os.O_CREAT | os.O_RDONLY); "
    "fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)",
    "read past what is kept in memory": "os.open('/usr/bin/env', os.O_RDONLY | os.O_DIRECT)",
    "read so later": "import fcntl; file = os.open('/usr/bin/env', os.O_RDONLY); "
    "fcntl.fcntl(file, fcntl.F_SETFL, os.O_DIRECT)",
    "read much at once": "os.pread(os.open('/usr/bin/env', os.O_RDONLY), 2**26 + 1, 0)",
    "read into several places": "os.readv(os.open('/usr/bin/env', os.O_RDONLY), [bytearray(8)])",
    "watch files": "call('inotify_init1', 0)",
    "wait for many files": "__import__('select').epoll()",
    "take a terminal": "os.openpty()",
    "begin a session": "os.setsid()",
    "lower its priority": "before = os.nice(0); os.nice(1); assert os.nice(0) == before + 1",
    "write packets": "import fcntl; fcntl.fcntl(os.pipe()[1], fcntl.F_SETFL, os.O_DIRECT)",
    "enlarge a pipe": "import fcntl; fcntl.fcntl(os.pipe()[1], 1031, 2**20)",
    "ask for equal pages": "mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE).madvise(12)",
    "filter a socket": "socket.socketpair()[0].setsockopt(socket.SOL_SOCKET, 26, bytes(16))",
    "change a file's flags": "import fcntl; file = open('/scratch/f', 'w'); "
    "fcntl.ioctl(file, 0x40086602, bytes(8))",
    "ask for asynchronous files": "number = {'x86_64': 206, 'aarch64': 0}[os.uname().machine]; "
    "call(number, 1, bytes(8))",
    "write over its memory": "file = open('/proc/self/mem', 'r+b', buffering=0)",
    "set the kernel's numbers": "p = Path('/proc/sys/kernel/msgmax'); p.write_text(p.read_text())",
    "change its program's rights": "mode = os.stat('/proc/self/exe').st_mode; "
    "os.chmod('/proc/self/exe', mode ^ 1); assert os.stat('/proc/self/exe').st_mode != mode",
    "write over its program": "os.open('/proc/self/exe', os.O_WRONLY)",
    "cut its program": "os.truncate('/proc/self/exe', 0)",
    "set the time of a device": "before = os.stat('/dev/full').st_mtime_ns; os.utime('/dev/full'); "
    "assert os.stat('/dev/full').st_mtime_ns != before",
    "flush a file that all read": "try: os.fsync(12345)\nexcept OSError: pass\n"
    "else: raise OSError('nothing was done')",
    "let the host forget what all read": "try: os.posix_fadvise(12345, 0, 0, 4)\n"
    "except OSError: pass\nelse: raise OSError('nothing was done')",
    "flush all disks": "call('sync')",
    "hand a dump to the host": "import resource as r; r.setrlimit(r.RLIMIT_CORE, (0, 0))",
    # the kernel's less trodden parts
    "ask for io_uring": "call('io_uring_setup', 1, bytes(120))",
    "load a program": "call('bpf', 0, bytes(120), 120)",
    "watch the processor": "call('perf_event_open', bytes(128), 0, -1, -1, 0)",
    "handle page faults": "call('userfaultfd', 1)",
    "ask for the kernel's cryptography": "socket.socket(38, socket.SOCK_SEQPACKET)",
    "ask for the machine's host": "socket.socket(40, socket.SOCK_STREAM)",
    "ask the kernel for routes": "socket.socket(16, socket.SOCK_RAW)",
    "make a call of the future": "call(468, 0, 0, 0)",
    "start a hundred threads": "import threading, time\n"
    "for i in range(100): threading.Thread(target=time.sleep, args=(5,), daemon=True).start()",
}


@pytest.fixture(scope="module")
def input_dir(jailed):
    """What the jail may read; without one, the tests that need it are skipped."""
    with tempfile.TemporaryDirectory() as folder:  # pytest's own folders are closed to others
        redacted_package.write_package(Path(folder), [])
        yield Path(folder)


@pytest.fixture(scope="module", params=[*users.USERS, *(f"{user}, warm" for user in users.USERS)])
def user(request):
    """Who marks: this user and, where that is root, one who owns nothing; cold and warm."""
    users.skip_unless_possible(request.param.removesuffix(", warm"))
    return request.param


def run(input_dir, code, limits=SMALL, job=b"", user="own user", groups=None):
    """Run code in a jail that this user makes, with another choice of control groups."""
    confined = "from course_utils.marking import jail\njail.confine(jail.Limits(*{}), True)\n{}"
    confined = confined.format([*limits], textwrap.dedent(code))
    return run_as(user, confined, job, input_dir, limits, groups)


def run_as(user, code, job, input_dir, limits, groups=None):
    if user == "here":  # in this process, as a test has patched it
        return jail.run(code, job, input_dir, limits)
    command = [sys.executable, "-c", MARKER, "sesame"]
    command, environment = users.as_user(user.removesuffix(", warm"), command)
    environment["SECRET"] = "sesame"
    spec = pickle.dumps((groups, user.endswith("warm"), code, job, input_dir, limits))
    result = subprocess.run(command, input=spec, env=environment, capture_output=True)
    assert result.returncode == 0, result.stderr.decode()
    return jail.RunResult(*pickle.loads(result.stdout))


def everything(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


@contextlib.contextmanager
def host_objects(server):
    """What has no file: a socket, called by the number of a server's port, and shared memory."""
    libc = ctypes.CDLL(None)
    segment = libc.shmget(0, 4096, 0o1600)
    assert segment >= 0
    with socket.socket(socket.AF_UNIX) as unnamed:
        unnamed.bind(f"\0course-{server.getsockname()[1]}")
        unnamed.listen()
        yield
    libc.shmctl(segment, 0, None)  # IPC_RMID


@pytest.fixture(scope="module")
def attempts(input_dir, user, tmp_path_factory):
    """Every attempt in one run: how each ended, and what lay outside before and after."""
    place = tmp_path_factory.mktemp("course")
    (place / "submitted/ada/02").mkdir(parents=True)
    for name in ("gradebook.db", "submitted/ada/02/n.ipynb"):
        (place / name).write_text("private")
        (place / name).chmod(0o666)
    place.chmod(0o777)
    before = everything(place), everything(input_dir)
    with socket.create_server(("127.0.0.1", 0)) as server, host_objects(server):
        job = {"attempts": ATTEMPTS, "place": str(place), "port": server.getsockname()[1]}
        job |= {"limits": [*SMALL], "numbers": DENIED}
        result = run_as(user, TRY, json.dumps(job).encode(), input_dir, SMALL)
        server.settimeout(0.1)
        with pytest.raises(TimeoutError):
            server.accept()
    assert result.stop_reason == "", result
    return json.loads(result.output), before, (everything(place), everything(input_dir))


@pytest.mark.parametrize("name", ATTEMPTS)
def test_jail_refuses_attempt(attempts, name):
    assert attempts[0][name] != "it worked"
    assert "private" not in attempts[0][name]
    assert not attempts[0][name].startswith(("NameError", "SyntaxError")), "a slip in the attempt"


SEEN = """
import os, sys, json
lines = dict(line.split(":", 1) for line in open("/proc/self/status").read().splitlines())
names = "Uid Gid Groups CapInh CapPrm CapEff CapBnd CapAmb NoNewPrivs Seccomp SigBlk SigIgn Threads"
seen = {name: lines[name].split() for name in names.split()}
seen["Uid"] = seen["Gid"] = len({*seen["Uid"]} | {*seen["Gid"]})  # root's jail draws a user
seen["mounts"] = [line.split()[3:5] + line.split()[5:6] for line in open("/proc/self/mountinfo")]
limits = open("/proc/self/limits").read().splitlines()
seen["limits"] = [line for line in limits if "address space" not in line]  # what is mapped counts
seen["processes"] = [p for p in os.listdir("/proc") if p.isdigit()]
seen["places"] = os.getcwd(), os.listdir("/"), os.listdir("/scratch")
seen["environment"] = dict(os.environ)
seen["paths"] = sys.path, sys.argv, [type(finder).__name__ for finder in sys.meta_path]
own = [m for name, m in sys.modules.items() if name.startswith("course_utils") and m.__file__]
seen["course"] = {module.__file__.rpartition("/course_utils/")[0] for module in own} == {"/input"}
try:
    links = {name: os.readlink(f"/proc/self/ns/{name}") for name in os.listdir("/proc/self/ns")}
    seen["shared"] = sorted(name for name, link in links.items() if link in SPACES)
except PermissionError:  # of root's jail, nothing of this can be read
    seen["shared"] = "closed"
print(json.dumps(seen))
"""


@pytest.mark.parametrize("who", users.USERS)
def test_warm_python_is_as_confined_as_a_cold_one(input_dir, who):
    users.skip_unless_possible(who)
    spaces = {os.readlink(f"/proc/self/ns/{name}") for name in os.listdir("/proc/self/ns")}
    head = f"SPACES = {spaces!r}\n"
    cold, warm = (
        json.loads(run(input_dir, head + SEEN, user=f"{who}{way}").output) for way in ("", ", warm")
    )
    # of root's, bubblewrap leaves two inheritable, and all in reach of a program with more rights
    del cold["CapInh"], cold["CapBnd"]
    assert warm.pop("CapInh") == ["0000000000000000"]
    kept = "c0" if who == "own user" and os.geteuid() == 0 else "00"  # CAP_SETUID, CAP_SETGID
    assert warm.pop("CapBnd") == [kept.zfill(16)]
    assert warm == cold
    assert any(
        line.split()[:6] == ["Max", "core", "file", "size", "1", "1"] for line in warm["limits"]
    )
    assert warm["processes"] == ["1", "2"], "what waits in the jail is its first, which is covered"
    assert warm["CapPrm"] == ["0000000000000000"]
    assert warm["shared"] in ("closed", ["time", "time_for_children"])  # there is no clock to hide


def test_warm_python_keeps_nothing_of_a_run(input_dir):
    code = """
        import json, os, sys, pathlib
        from course_utils.marking import jail
        traces = [hasattr(json, "mine"), "MINE" in os.environ, "mine" in sys.modules]
        traces += [os.path.exists("/scratch/x"), os.path.exists("/dev/shm/x"), jail.USERS]
        print(traces, len([p for p in os.listdir("/proc") if p.isdigit()]), flush=True)
        json.mine = sys.modules["mine"] = jail
        jail.USERS, os.environ["MINE"] = 0, "x"
        for place in ("/scratch/x", "/dev/shm/x"):
            pathlib.Path(place).write_text("x")
        __import__("threading").Thread(target=__import__("time").sleep, args=(60,)).start()
        os._exit(0)
    """
    confined = "from course_utils.marking import jail\njail.confine(jail.LIMITS, True)\n"
    code = confined + textwrap.dedent(code)
    with jail.warm_python(input_dir, ["json", "course_utils.marking.jail"]) as warm:
        outputs = [jail.run(code, b"", input_dir, SMALL, warm=warm).output for _ in range(3)]
        assert warm.is_ready
    assert outputs[0].startswith(b"[False, False, False, False, False, ((1073741824,")
    assert outputs[1:] == outputs[:1] * 2


def test_run_starts_cold_where_the_warm_python_has_ended(input_dir):
    with jail.warm_python(input_dir, ["json"]) as warm:
        warm.process.kill()
        warm.process.wait()
        result = jail.run("print(7)", b"", input_dir, SMALL, warm=warm)
    assert (result.output, warm.is_ready) == (b"7\n", False)


def test_warm_python_imports_nothing_from_the_jails_paths(input_dir, tmp_path, monkeypatch):
    """Outside, these may be anybody's folders."""
    for name in ("decoy.py", "platform.py", "usercustomize.py"):
        (tmp_path / name).write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    for name in ("INPUT_DIR", "SCRATCH_DIR"):
        monkeypatch.setattr(jail, name, str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for modules, is_ready in ((["decoy"], False), (["json"], True)):
        with jail.warm_python(input_dir, modules) as warm:
            assert warm.is_ready == is_ready
        assert not (tmp_path / "ran").exists()


def test_python_that_could_be_written_over_stays_cold(input_dir, monkeypatch):
    """The program of a warm Python is the host's, in each of its forks."""
    monkeypatch.setattr(warm_python, "START", "import os\nos.open = lambda *_: os.dup(1)\n" + START)
    with jail.warm_python(input_dir, ["json"]) as warm:
        assert not warm.is_ready


def test_fork_that_cannot_enter_runs_nothing(input_dir, monkeypatch):
    monkeypatch.setattr(os, "pidfd_open", lambda _process: os.open(os.devnull, os.O_RDONLY))
    with jail.warm_python(input_dir, ["json"]) as warm:
        result = jail.run("print(7)", b"", input_dir, SMALL, warm=warm)
    assert (result.output, warm.is_ready) == (b"7\n", False)


def test_fork_joins_every_control_group(input_dir, monkeypatch):
    if control_groups.available() not in ("v1", "v2"):
        pytest.skip("there are no control groups that a fork can join")
    watch, is_member = jail.watch, []

    def look(running, limits, group, *rest):
        lists = [(folder / "cgroup.procs").read_text() for folder in group.folders]
        is_member.extend(str(running.pid) in members.split() for members in lists)
        return watch(running, limits, group, *rest)

    monkeypatch.setattr(jail, "watch", look)
    with jail.warm_python(input_dir, ["json"]) as warm:
        jail.run("import time; time.sleep(2)", b"", input_dir, SMALL, warm=warm)
        assert warm.is_ready
    assert is_member
    assert all(is_member)


def test_warm_python_tells_no_path_of_the_host(input_dir):
    """The folder is told to it by a socket: what it was started with can be read in the jail."""
    code = """
        for name in ("cmdline", "environ", "maps", "mountinfo"):
            print(name, PART in open(f"/proc/self/{name}").read())
        import sys
        frame, told = sys._getframe(), []
        while frame := frame.f_back:  # of those that have called this
            told += [value for name, value in frame.f_locals.items() if name != "source"]
        print("frames", PART in repr(told) or ["json"] in told)
    """
    code = f"PART = {input_dir.name[:4]!r} + {input_dir.name[4:]!r}\n" + textwrap.dedent(code)
    with jail.warm_python(input_dir, ["json"]) as warm:
        results = [jail.run(c, b"", input_dir, SMALL, warm=warm) for c in (code, "1 / 0")]
        assert warm.is_ready
    found = results[0].output.split()[1::2]
    # bubblewrap's own mount tells where it comes from
    assert found == [b"False"] * 3 + [b"True", b"False"]
    assert "ZeroDivisionError" in results[1].stderr
    assert input_dir.name not in results[1].stderr


def test_warm_python_forgets_what_it_has_seen_of_the_host(input_dir):
    """Torch's compiler asks for the folder of temporary files, others for the machine's name."""
    names = [f"{Path.home()}/".replace("//", "/"), str(input_dir), f"inductor_{getpass.getuser()}"]
    code = f"""
        import os, platform, site, sys, tempfile, threading, time, torch, matplotlib.font_manager
        names = tempfile._name_sequence  # knows the process that made it
        with tempfile.TemporaryFile() as file:
            file.write(b"x")
        print(tempfile.gettempdir(), platform.node(), site.getusersitepackages())
        print(os.environ["TZ"], *time.tzname, names)
        print(matplotlib.get_configdir(), matplotlib.get_cachedir())
        print(threading.main_thread().native_id == threading.get_native_id())
        backwards = {[name[::-1] for name in names if name != "/"]}  # as itself it would be found
        held = [value for module in [*sys.modules.values()] for value in [*vars(module).values()]]
        held += [each for value in held if type(value) in (list, tuple) for each in value]
        held += [matplotlib.get_configdir(), matplotlib.get_cachedir()]
        texts = [each for each in held if type(each) is str]
        named = [each for each in texts if any(name in each[::-1] for name in backwards)]
        print(sorted(each for each in named if not each.startswith(sys.base_prefix)))
    """
    told, limits = [], SMALL._replace(memory=2**31, seconds=120)
    for modules in ([], ["torch._dynamo", "matplotlib.font_manager"]):
        with jail.warm_python(input_dir, modules) as warm:
            result = jail.run(textwrap.dedent(code), b"", input_dir, limits, warm=warm)
            assert warm.is_ready == bool(modules)
            told.append(result.output)
    assert told[0] == told[1]
    assert told[0].startswith(b"/scratch jail /scratch/"), told
    assert b"\nUTC UTC UTC None\n" in told[0], told  # whatever the host's time zone is
    assert told[0].endswith(b"\n[]\n"), told


def test_bubblewrap_starts_with_nothing(input_dir):
    """Should process 1 be seen, there would be nothing to see."""
    before, started = {*psutil.Process().children(recursive=True)}, []

    def look():
        for _ in range(100):
            time.sleep(0.05)
            for process in {*psutil.Process().children(recursive=True)} - before:
                with contextlib.suppress(psutil.NoSuchProcess):
                    if process.name() == "bwrap":
                        started.append((process.environ(), process.cmdline()))
            if len(started) > 1:
                return

    looking = threading.Thread(target=look)
    looking.start()
    run(input_dir, "import time; time.sleep(1)", user="here")
    looking.join()
    assert started
    for environment, command in started:
        assert environment == {}
        assert command[1:3] == ["--args", command[2]]
        assert command[3:5] == ["--", sys.executable]


def test_jail_leaves_host_unchanged(attempts):
    _, before, after = attempts
    assert after == before


def test_attempts_succeed_without_jail(tmp_path):
    """What the attempts do is not refused for another reason, such as a wrong name."""
    (tmp_path / "gradebook.db").write_text("private")
    for name in (
        "read the gradebook",
        "list the folder",
        "write over the gradebook",
        "write beside it",
    ):
        exec(ATTEMPTS[name], {"place": tmp_path})
    assert (tmp_path / "gradebook.db").read_text() == "15/15"


def test_jail_offers_scratch_and_packages(input_dir):
    code = """
        import numpy, torch, matplotlib, sklearn, os, pathlib
        pathlib.Path("kept").write_text("x")
        print(os.getcwd(), os.path.exists("kept"), torch.ones(2).sum().item())
    """
    result = run(input_dir, code, Limits(seconds=100))
    assert (result.stop_reason, result.output) == ("", b"/scratch True 2.0\n"), result
    assert run(input_dir, "import os; print(os.listdir('.'))").output == b"[]\n"


@pytest.mark.parametrize(
    ("why", "code", "limits"),
    [
        ("time", "while True: pass", SMALL._replace(seconds=1.5)),
        ("time", "import signal, time\nwhile True: time.sleep(1)", SMALL._replace(seconds=1.5)),
        (
            "time",
            "import threading, time\nthreading.Thread(target=time.sleep, args=(99,)).start()",
            SMALL._replace(seconds=1.5),
        ),
        ("memory", "x = b'1' * 400 * 2**20\nimport time; time.sleep(30)", SMALL),
        ("output", "while True: print('x' * 10000)", SMALL),
        ("died", "import os; os.kill(os.getpid(), 9)", SMALL),
        ("died", "raise SystemExit(3)", SMALL),
    ],
)
def test_run_stops_at_limit(input_dir, why, code, limits):
    started = time.monotonic()
    result = run(input_dir, code, limits)
    assert result.stop_reason == why, result
    assert len(result.output) <= limits.output
    assert time.monotonic() - started < 25


@pytest.mark.parametrize("user", ["here", "own user, warm"])
def test_kernel_ends_what_nobody_comes_to_end(input_dir, monkeypatch, user):
    """Who watches may get no processor."""
    monkeypatch.setattr(watch, "LOOK_INTERVAL", 600)
    blind = "from course_utils.marking import watch\nwatch.LOOK_INTERVAL = 600\n"
    monkeypatch.setattr(sys.modules[__name__], "MARKER", blind + MARKER)
    code = """
        import threading, time
        def work():
            while time.process_time() < 100:
                pass
        for _ in range(3):
            threading.Thread(target=work).start()
        work()
    """
    result = run(input_dir, code, SMALL._replace(seconds=1), user=user)
    assert result.stop_reason == "time"


@pytest.mark.parametrize("delay", [0.25, 2.0])
def test_run_tells_how_long_others_had_the_processors(input_dir, monkeypatch, delay):
    """Also where who watches has none either, and looks no more before the end."""
    monkeypatch.setattr(watch, "LOOK_INTERVAL", delay)
    code = "import time\ntime.sleep(4)\nprint('ended')"
    limits = SMALL._replace(seconds=3.0)
    monkeypatch.setattr(watch, "_idle_seconds", lambda: 0.0)
    assert run(input_dir, code, limits, user="here").waited > 2
    monkeypatch.setattr(watch, "_idle_seconds", time.monotonic)
    assert run(input_dir, code, limits, user="here").waited < 0.5  # it slept of its own accord


@pytest.mark.parametrize("idle_first", [False, True])
def test_what_was_idle_at_another_time_makes_up_for_nothing(monkeypatch, idle_first):
    clock = {"now": 100.0, "idle": 0.0}
    monkeypatch.setattr(watch.time, "monotonic", lambda: clock["now"])
    monkeypatch.setattr(watch, "_idle_seconds", lambda: clock["idle"])
    looks = watch.Looks([], 2**30)
    for second in range(20):
        clock["now"] += 1
        clock["idle"] += 2 * ((second < 10) == idle_first)  # two processors
        assert not looks.find_too_much()
    looks.close()
    assert looks.waited() == 10


def test_processors_that_one_may_not_use_are_not_idle(monkeypatch):
    times = [SimpleNamespace(idle=3.0, iowait=1.0), SimpleNamespace(idle=500.0, iowait=0.0)]
    monkeypatch.setattr(watch.psutil, "cpu_times", lambda percpu: times)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: {0}, raising=False)
    assert watch._idle_seconds() == 4
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: {5}, raising=False)
    assert watch._idle_seconds() == 504  # numbered otherwise


SIGNALS = """
import signal
signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
for number in (signal.SIGALRM, signal.SIGTERM, signal.SIGXCPU):
    signal.signal(number, signal.SIG_IGN)
"""


@pytest.mark.parametrize("way", ["", ", warm"])
def test_limits_do_not_depend_on_signals_of_the_marking(input_dir, way, monkeypatch):
    """Who marks may block and ignore what the limit of a cell works by."""
    monkeypatch.setattr(sys.modules[__name__], "MARKER", SIGNALS + MARKER)
    code = """
        import signal, time
        def ring(*_):
            raise TimeoutError
        print([s.name for s in signal.Signals if signal.getsignal(s) == signal.SIG_IGN])
        signal.signal(signal.SIGALRM, ring)
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        try:
            time.sleep(50)
        except TimeoutError:
            print("it rang", signal.pthread_sigmask(signal.SIG_BLOCK, []), flush=True)
    """
    result = run(input_dir, code, SMALL._replace(seconds=40), user=f"own user{way}")
    assert result.output.decode().splitlines() == ["['SIGPIPE', 'SIGXFSZ']", "it rang set()"]


def test_run_ends_where_the_machine_has_no_memory_left(input_dir, monkeypatch):
    left = iter([2**35, 2**35, 2**29, 2**29])  # bytes; then less than the limit is gone

    def virtual_memory():
        return SimpleNamespace(total=2**36, available=next(left, 2**20))

    monkeypatch.setattr(watch.psutil, "virtual_memory", virtual_memory)
    code, limits = "import time; time.sleep(60)", SMALL._replace(seconds=20)
    assert run(input_dir, code, limits, user="here").stop_reason == "scarce"
    left = iter([2**29] * 3 + [2**29 - 2**20] * 1000)
    monkeypatch.setattr(watch.psutil, "virtual_memory", virtual_memory)
    limits = limits._replace(seconds=3)
    assert run(input_dir, code, limits, user="here").stop_reason == "time"


def test_run_ends_where_the_kernel_takes_much(input_dir, monkeypatch):
    """Of what it holds for a process it does not tell: so all that is watched is judged again."""
    most = watch.MOST_KERNEL
    for growth, why in ((most, "time"), (most + 1, "scarce")):
        sizes = iter([2**30])
        monkeypatch.setattr(watch, "_kernel_memory", lambda s=sizes, g=growth: next(s, 2**30 + g))
        limits = SMALL._replace(seconds=2)
        result = run(input_dir, "import time; time.sleep(60)", limits, user="here")
        assert result.stop_reason == why


def test_kernel_tells_what_it_holds():
    assert watch._kernel_memory() > 10 * 2**20
    assert watch._sizes(Path("/proc/none"), watch.KERNEL) == {}


@pytest.mark.parametrize(("seconds", "patience", "why"), [(3, 60, "time"), (30, 1, "memory")])
def test_look_that_lasts_long_stops_no_clock(input_dir, monkeypatch, seconds, patience, why):
    monkeypatch.setattr(watch, "_any_hides", lambda *_: time.sleep(8) or False)
    monkeypatch.setattr(watch, "LOOK_SECONDS", patience)
    begun = time.monotonic()
    limits = SMALL._replace(seconds=seconds)
    result = run(input_dir, "import time; time.sleep(60)", limits, user="here")
    assert result.stop_reason == why
    assert time.monotonic() - begun < 8


STATUS = "Name:\tx\nVmRSS:\t1 kB\nThreads:\t2\n"


@pytest.mark.parametrize(
    ("status", "maps", "hides"),
    [
        (STATUS, "x" * 90 + "\n", False),
        (STATUS, "x\n" * 40_000, True),
        (STATUS, "x" * 5 * 2**20, True),  # a long list is not read to the end
        ("Name:\tx\nThreads:\t2\n", "", True),  # its first thread has ended
        ("Name:\tx\nThreads:\t1\n", "", False),  # it has ended
        ("Name:\tVmRSS:\nThreads:\t2\n", "", True),
    ],
)
def test_process_that_tells_nothing_hides(tmp_path, status, maps, hides):
    (tmp_path / "status").write_text(status)
    (tmp_path / "maps").write_text(maps)
    (tmp_path / "fd").mkdir()
    assert watch._hides(tmp_path) == hides


@pytest.mark.parametrize(
    ("error", "hides"),
    [(OSError(12, ""), True), (ProcessLookupError(), False), (FileNotFoundError(), False)],
)
def test_list_of_maps_that_cannot_be_read_hides(monkeypatch, tmp_path, error, hides):
    def fail(*_args, **_options):
        raise error

    (tmp_path / "status").write_text(STATUS)
    monkeypatch.setattr(watch, "open", fail, raising=False)
    assert watch._hides(tmp_path) == hides


def test_jail_ends_where_processes_cannot_be_listed(input_dir, monkeypatch):
    family = psutil.Process()
    before = {*family.children(recursive=True)}

    def fail(_root):
        raise OSError("too many open files")

    monkeypatch.setattr(watch, "process_tree", fail)
    with pytest.raises(OSError, match="too many"):
        jail.run("import time; time.sleep(60)", b"", input_dir, SMALL)
    deadline = time.monotonic() + 20
    while not {*family.children(recursive=True)} <= before:
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.parametrize("modules", [[], ["json"]], ids=["cold", "warm"])
def test_ended_run_holds_no_memory(input_dir, monkeypatch, modules):
    numbers = []

    def held():
        statuses = [Path(f"/proc/{number}/status") for number in numbers]
        return sum(watch._sizes(status, (b"RssAnon",)).get(b"RssAnon", 0) for status in statuses)

    def look(running, limits, group, stop, looks):
        running.stdout.readline()
        numbers.extend(process.pid for process in watch._all_processes(looks.roots))
        assert held() > 2**30
        return b"", "time"

    monkeypatch.setattr(jail, "watch", look)
    monkeypatch.setattr(control_groups, "available", lambda: "")  # leaving one waits, too
    code = "held = bytearray(b'1') * 2**30; print(flush=True); import time; time.sleep(60)"
    with jail.warm_python(input_dir, modules) as warm:
        jail.run(code, b"", input_dir, SMALL._replace(memory=2**31), warm=warm)
        assert (held(), warm.is_ready) == (0, bool(modules))


@pytest.mark.parametrize(("patience", "is_over"), [(20, True), (0.1, False)])
def test_end_is_awaited_also_where_nobody_reaps(monkeypatch, patience, is_over):
    monkeypatch.setattr(watch, "END_SECONDS", patience)
    program = subprocess.Popen(["sleep", "0.7" if is_over else "60"])
    process = psutil.Process(program.pid)
    try:
        watch._await_end([process])
        assert (process.status() == psutil.STATUS_ZOMBIE) == is_over
    finally:
        program.kill()
        program.wait()


def test_run_ends_when_it_is_told_to(input_dir):
    stop = threading.Event()
    threading.Timer(1, stop.set).start()
    result = jail.run("while True: pass", b"", input_dir, SMALL, stop=stop)
    assert result.stop_reason == "interrupted"


def test_run_bounds_threads(input_dir):
    code = """
        import threading, time
        count = 0
        try:
            while True:
                threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
                count += 1
        except RuntimeError:
            print(count, flush=True)
        __import__("os")._exit(0)
    """
    result = run(input_dir, code)
    assert 5 < int(result.output) < SMALL.threads


def test_run_returns_stderr(input_dir):
    result = run(input_dir, "import a_module_that_is_not_there")
    assert result.stop_reason == "died"
    assert "a_module_that_is_not_there" in result.stderr


HELD = {  # more than 60 MB, each in another way; it is well below the limits of time
    "pages": "x = b'1' * 90 * 2**20",
    "two file systems": "for place in ('/scratch/x', '/dev/shm/x'):\n"
    "    open(place, 'wb').write(bytes(50 * 2**20))",
    "files that are mapped": "for place in ('/scratch/x', '/dev/shm/x'):\n"
    "    file = open(place, 'w+b'); file.truncate(50 * 2**20)\n"
    "    mmap.mmap(file.fileno(), 50 * 2**20)[:] = bytes(50 * 2**20)",
    "files without a name": "for place in ('/scratch', '/dev/shm'):\n"
    "    fd = os.open(place, os.O_TMPFILE | os.O_RDWR); os.write(fd, bytes(50 * 2**20))",
    "maps": "size = 35_000 * 4096\n"
    "m = mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)\n"
    "start = ctypes.addressof(ctypes.c_char.from_buffer(m))\n"
    "protect = ctypes.CDLL(None).mprotect\n"
    "for i in range(1, 35_000, 2): protect(ctypes.c_void_p(start + i * 4096), 4096, 1)",
    "pages of a process whose first thread has ended": "import threading\n"
    "def hold():\n    time.sleep(0.5); x = b'1' * 90 * 2**20; time.sleep(60)\n"
    "threading.Thread(target=hold).start()\n"
    "number = {'x86_64': 60, 'aarch64': 93}[os.uname().machine]\n"  # exit(2), of a thread
    "ctypes.CDLL(None).syscall(ctypes.c_long(number), 0)",
    # the kernel keeps the longest line of each, here with the name of a file below 2,000 folders
    "lists of maps that are being read": "os.chdir('/scratch')\n"
    "for i in range(2000): os.mkdir('\\n' * 250); os.chdir('\\n' * 250)\n"
    "file = open('x', 'w+b'); file.truncate(4096); m = mmap.mmap(file.fileno(), 4096)\n"
    "files = [open('/proc/self/maps', 'rb', buffering=0) for i in range(50)]\n"
    "for f in files:\n    while f.read(2**16): pass\n"
    "m.close()",
    "page tables": "map = ctypes.CDLL(None).mmap; map.restype = ctypes.c_void_p\n"
    "for i in range(30_000):\n"  # one page of each two megabytes, read alone: none is taken
    "    place = map(ctypes.c_void_p(2**44 + i * 2**21), ctypes.c_size_t(4096), 1, 0x22, -1, 0)\n"
    "    ctypes.string_at(place, 1)",
    "folders in folders": "os.chdir('/scratch')\n"
    "for i in range(25_000): os.mkdir('x'); os.chdir('x')",
    "many empty files": "for i in range(200_000): os.close(os.open(f'/scratch/{i}', os.O_CREAT))",
}


@pytest.mark.parametrize("groups", ["", None], ids=["watched", "as found"])
@pytest.mark.parametrize("kind", daily_share(HELD, 3))
def test_memory_counts_however_held(input_dir, user, kind, groups):
    code = f"import ctypes, mmap, os, time\n{HELD[kind]}\ntime.sleep(60)"
    limits = SMALL._replace(memory=80 * 2**20, file=64 * 2**20, seconds=50)
    result = run(input_dir, code, limits, user=user, groups=groups)
    assert result.stop_reason == "memory", result


def test_jail_has_no_huge_pages(input_dir, user):
    """A part of one that is not given back keeps all of it, and is counted as a part."""
    code = """
        import mmap
        pages = mmap.mmap(-1, 2**23, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        pages.madvise(14)
        pages[:] = bytes(2**23)
        print([line for line in open("/proc/self/smaps_rollup") if line.startswith("AnonHuge")])
    """
    result = run(input_dir, code, user=user)
    assert result.output == b"['AnonHugePages:         0 kB\\n']\n", result


def test_flood_of_single_bytes_is_read_slowly(input_dir, monkeypatch):
    reads, read_output = [], watch._read_output

    def count_reads(pipe, *arguments):
        counting = SimpleNamespace(read=lambda most: reads.append(most) or pipe.read(most))
        read_output(counting, *arguments)

    monkeypatch.setattr(watch, "_read_output", count_reads)
    code = "import os\nwhile True: os.write(1, b'x')"
    result = run(input_dir, code, SMALL._replace(seconds=4, output=2**30), user="here")
    assert result.stop_reason == "time"
    assert len(result.output) > 100
    assert 0 < len(reads) < 5000


def test_thread_keeps_its_name(input_dir, user):
    """Whatever the kernel writes to its log of a thread begins with that."""
    code = """
        import ctypes, os
        prctl, names = ctypes.CDLL(None).prctl, [ctypes.create_string_buffer(16) for _ in "12"]
        prctl(16, names[0], 0, 0, 0)  # PR_GET_NAME
        done = prctl(15, b"x\\n<0>y", 0, 0, 0)  # PR_SET_NAME
        for place in ("self", "thread-self", f"self/task/{os.getpid()}"):
            try:
                with open(f"/proc/{place}/comm", "w") as file:
                    file.write("x")
            except OSError:
                pass
        prctl(16, names[1], 0, 0, 0)
        print(done, names[0].value == names[1].value, len(names[0].value) > 0)
    """
    assert run(input_dir, code, user=user).output == b"0 True True\n"


@pytest.mark.parametrize("hides", [[True, False], [True, True]])
def test_process_that_is_just_ending_hides_nothing(monkeypatch, hides):
    """Its first thread may have ended a moment before the others."""
    looks = iter(hides)
    monkeypatch.setattr(watch, "_hides", lambda _folder: next(looks))
    assert watch._any_hides([psutil.Process()]) == hides[-1]


def test_memory_is_bounded_without_a_look(input_dir, user, monkeypatch):
    """Who takes it between two looks gets not much more than the limit."""
    code = """
        import mmap
        parts = []
        try:
            while len(parts) < 5000:
                parts.append(mmap.mmap(-1, 2**20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
        except OSError:
            print(len(parts), flush=True)
        __import__("os")._exit(0)
    """
    most = (SMALL.memory + jail.SPARE) // 2**20
    assert most - 100 < int(run(input_dir, code, user=user).output) <= most


def test_addresses_mapped_before_do_not_count(input_dir):
    """As those of PyTorch's libraries for CUDA."""
    code = """
        import mmap
        from course_utils.marking import jail
        libraries = mmap.mmap(-1, 5 * 2**30, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        jail.confine(jail.Limits(memory=300 * 2**20), True)
        print(len(bytearray(250 * 2**20)))
    """
    result = jail.run(textwrap.dedent(code), b"", input_dir, SMALL)
    assert result.output == b"262144000\n", result


def test_memory_is_told_by_status_alone(monkeypatch, tmp_path):
    """Whatever else is read of a process waits while its maps are locked."""
    sizes = {"RssAnon": 50, "VmPTE": 20, "VmSwap": 10, "RssShmem": 3, "RssFile": 900, "VmRSS": 953}
    lines = [f"{name}:\t{size} kB\n" for name, size in sizes.items()]
    (tmp_path / "status").write_text("Name:\tRssAnon: x\n" + "".join(lines))
    monkeypatch.setattr(watch, "_folder", lambda _process: tmp_path)
    assert watch._memory([psutil.Process()]) == 83 * 1024


def test_run_that_closed_its_output_is_looked_at_as_seldom(input_dir, monkeypatch):
    looks = []
    monkeypatch.setattr(watch.Looks, "find_too_much", lambda _: looks.append(1))
    code = "import os, time; os.close(1); time.sleep(60)"
    assert run(input_dir, code, SMALL._replace(seconds=3), user="here").stop_reason == "time"
    assert 2 < len(looks) <= 12


def test_waiting_jail_ends_with_the_marking(input_dir):
    """Also where its parent ends before the kernel is asked to tell it."""
    code = """
        import sys, time
        from pathlib import Path
        from course_utils.marking import jail
        arguments = jail.bwrap_args
        jail.bwrap_args = lambda place: [a for a in arguments(place) if "parent" not in a]
        with jail.warm_python(Path(sys.argv[1]), ["json"]) as warm:
            warm.start = lambda process, *_: print(process, flush=True) or time.sleep(60)
            jail.run("", b"", Path(sys.argv[1]), jail.LIMITS, warm=warm)
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(input_dir)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as marking:
        waiting = psutil.Process(int(marking.stdout.readline()))
        marking.kill()
    _, alive = psutil.wait_procs([waiting], timeout=20)
    for process in alive:
        process.kill()
    assert not alive


def test_limits_leave_no_priority():
    limits = jail._rlimits(SMALL, jailed=True)
    assert [limits[kind] for kind in (resource.RLIMIT_RTPRIO, resource.RLIMIT_NICE)] == [0, 0]


def test_libraries_that_all_read_cannot_be_locked(input_dir, user):
    code = """
        import mmap, sys
        locked = mmap.MAP_PRIVATE | 0x2000  # MAP_LOCKED
        with open(sys.executable, "rb") as file:
            try:
                mmap.mmap(file.fileno(), 4096, locked, mmap.PROT_READ)
            except OSError as error:
                print(error.strerror)
        print([line.split()[1] for line in open("/proc/self/status") if line.startswith("VmLck")])
    """
    result = run(input_dir, code, user=user)
    assert result.output == b"Operation not permitted\n['0']\n", result


def test_memory_mapped_of_scratch_counts_once(input_dir, user):
    code = """
        import mmap, time
        file = open("/scratch/x", "w+b")
        file.truncate(50 * 2**20)
        memory = mmap.mmap(file.fileno(), 50 * 2**20)
        memory[:] = bytes(len(memory))
        time.sleep(1)
    """
    limits = SMALL._replace(memory=100 * 2**20, file=64 * 2**20)
    assert run(input_dir, code, limits, user=user, groups="").stop_reason == ""


def test_honest_packages_run_in_jail(input_dir, user):
    code = """
        import asyncio, numpy, shutil
        import matplotlib.pyplot as plt, torch, IPython
        from sklearn.model_selection import cross_val_score
        from sklearn.neighbors import KNeighborsClassifier
        asyncio.run(asyncio.sleep(0))
        asyncio.run(asyncio.to_thread(print, end=""))
        shutil.copytree("/etc", "copy")
        plt.plot([1, 2])
        plt.savefig("figure.png")
        torch.nn.Linear(3, 3)(torch.ones(2, 3)).sum().backward()
        x, y = numpy.arange(40.0).reshape(20, 2), numpy.arange(20) // 10
        print(cross_val_score(KNeighborsClassifier(1), x, y, n_jobs=2).mean() > 0.5)
    """
    result = run(input_dir, code, Limits(seconds=100), user=user)
    assert (result.stop_reason, result.output) == ("", b"True\n"), result


# Where the course lies ---------------------------------------------------------------------------


def make_course(folder):
    for name in ("course_utils/exercises/convolution.py", "tests/x.py", ".git/x", "submitted/x"):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text("an answer")
    return folder / "course_utils"


def make_environment(folder, monkeypatch):
    """A folder with the parts of a virtual environment, which this Python is said to be in."""
    (folder / "lib/python3/site-packages/numpy").mkdir(parents=True)
    (folder / "bin").mkdir()
    (folder / "pyvenv.cfg").write_text("")
    monkeypatch.setattr(shown_places.sys, "prefix", str(folder))


def visible_files(input_dir, *folders):
    """The files and empty folders that a program in the jail finds there."""
    code = f"""
        import os
        for folder in {[*map(str, folders)]}:
            for place, inner, files in os.walk(folder):
                for name in files or ["."] * (not inner):
                    print(os.path.relpath(os.path.normpath(os.path.join(place, name)), folder))
    """
    confined = (
        f"from course_utils.marking import jail\njail.confine(jail.Limits(*{[*SMALL]}), True)"
    )
    result = jail.run(confined + textwrap.dedent(code), b"", input_dir, SMALL)
    assert result.stop_reason == "", result
    return sorted(result.output.decode().split())


PARTS_OF_ENVIRONMENT = ["bin", "lib/python3/site-packages/numpy", "pyvenv.cfg"]


@pytest.mark.parametrize("link", [False, True])
def test_jail_hides_course_around_environment(input_dir, tmp_path, monkeypatch, link):
    """As after `python3 -m venv .` in the course's folder, by its own name or by a link."""
    monkeypatch.setattr(shown_places, "PACKAGE", make_course(tmp_path / "course"))
    folder = tmp_path / "course"
    if link:
        folder = tmp_path / "link"
        folder.symlink_to(tmp_path / "course")
    make_environment(folder, monkeypatch)
    jail.check()
    assert visible_files(input_dir, folder) == PARTS_OF_ENVIRONMENT


def test_jail_hides_course_in_system(input_dir, tmp_path, monkeypatch):
    """As where the checkout, with its environment, lies in /usr."""
    system = tmp_path / "usr"
    course = system / "src/course"
    package = make_course(course)
    make_environment(course / ".venv", monkeypatch)
    (system / "share").mkdir()
    monkeypatch.setattr(shown_places, "SYSTEM", (*shown_places.SYSTEM, str(system)))
    monkeypatch.setattr(shown_places, "PACKAGE", package)
    jail.check()
    mounts = run(input_dir, "print(open('/proc/self/mountinfo').read())", user="here").output
    (options,) = (
        line.split()[5] for line in mounts.decode().splitlines() if str(course) + " " in line
    )
    assert options.startswith("ro,"), "it would be a file system to fill"
    inside = [f"src/course/.venv/{part}" for part in PARTS_OF_ENVIRONMENT]
    assert visible_files(input_dir, system) == sorted(["share", *inside])


def test_jail_hides_installed_courses(input_dir, tmp_path, monkeypatch):
    """In an environment of its own, and of another Python beside it."""
    make_environment(tmp_path, monkeypatch)
    packages = tmp_path / "lib/python3/site-packages"
    make_course(packages)
    make_course(tmp_path / "lib/python3.99/dist-packages")
    monkeypatch.setattr(shown_places, "PACKAGE", packages / "course_utils")
    monkeypatch.setattr(shown_places.site, "getsitepackages", lambda: [str(packages)])
    jail.check()
    files = visible_files(input_dir, tmp_path)
    assert "lib/python3/site-packages/numpy" in files
    assert not [name for name in files if "exercises" in name]


@pytest.mark.usefixtures("jailed")
def test_mark_refuses_class_that_would_be_visible(tmp_path, monkeypatch, capsys):
    """As where a container's work folder is shown with the system."""
    (tmp_path / "class/ada").mkdir(parents=True)
    command = ["mark", str(tmp_path / "class"), "--out", str(tmp_path / "out")]
    monkeypatch.setattr(shown_places, "SYSTEM", (*shown_places.SYSTEM, str(tmp_path)))
    assert run_command(command) == 2
    said = capsys.readouterr().err
    assert f"{tmp_path / 'class'} lies in {tmp_path}" in said
    assert "keep it elsewhere" in said
    assert not (tmp_path / "out").exists()


def test_check_refuses_course_it_cannot_hide(tmp_path, monkeypatch):
    monkeypatch.setattr(shown_places, "PACKAGE", make_course(tmp_path))
    monkeypatch.setattr(shown_places, "SYSTEM", (*shown_places.SYSTEM, str(tmp_path)))
    with pytest.raises(jail.JailError, match=f"^The course's answers in {tmp_path}[^\n]*$"):
        jail.check()


@pytest.mark.usefixtures("jailed")
def test_check_refuses_packages_within_course(tmp_path, monkeypatch):
    monkeypatch.setattr(shown_places, "PACKAGE", make_course(tmp_path / "lib"))
    monkeypatch.setattr(shown_places, "SYSTEM", (*shown_places.SYSTEM, str(tmp_path)))
    packages = tmp_path / "lib/packages"
    packages.mkdir()
    monkeypatch.setattr(shown_places.site, "getsitepackages", lambda: [str(packages)])
    with pytest.raises(jail.JailError, match=f"^The jail hides the course, and {packages}[^\n]*$"):
        jail.check()


# No jail -----------------------------------------------------------------------------------------


@pytest.mark.skipif(os.name == "nt", reason="a shell script stands for bubblewrap")
@pytest.mark.parametrize("installed", [False, True])
def test_mark_refuses_missing_jail(tmp_path, monkeypatch, capsys, installed):
    """No bubblewrap, or one that may not make namespaces."""
    tools = tmp_path / "bin"
    tools.mkdir()
    if installed:
        (tools / "bwrap").write_text("#!/bin/sh\necho no permission >&2\nexit 1\n")
        (tools / "bwrap").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:/nowhere" if not installed else f"{tools}:/bin")
    submitted = tmp_path / "submitted/ada/00"
    submitted.mkdir(parents=True)
    (submitted / "00_start_here.ipynb").write_text("{}")
    assert run_command(["mark", str(tmp_path / "submitted"), "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert ("no permission" if installed else "no `bwrap`") in said
    assert "apt install bubblewrap" in said
    assert "--unsafe" in said
    assert not (tmp_path / "out" / "marks.csv").exists()
