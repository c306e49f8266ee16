"""The system calls that answers may make, as a seccomp filter for `bwrap --seccomp`.

The filter is a program for the kernel's classic BPF machine (seccomp(2)), put together here from
the numbers below. Any other call fails with an error that programs expect; nothing is killed.
A jail holds one process, with threads: no call makes another. Once it runs, a second filter keeps
it from becoming another program.
"""

from __future__ import annotations

import errno
import platform
import struct

AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}  # linux/audit.h
# Name → its number on x86_64 and on aarch64; None where it does not exist. Whatever is not listed
# fails: what an attack of the future needs as well as what those of the past did, such as keys,
# tracing, mounts, namespaces, `bpf`, `io_uring`, segments, memory files, watches, clocks to set.
ALLOWED: dict[str, tuple[int | None, int | None]] = {
    # files: open, read, write, move, delete
    "write": (1, 64), "close": (3, 57),
    "creat": (85, None), "lseek": (8, 62),
    "pwrite64": (18, 68), "writev": (20, 66),
    "pwritev": (296, 70), "stat": (4, None),
    "fstat": (5, 80), "lstat": (6, None), "newfstatat": (262, 79), "statx": (332, 291),
    "statfs": (137, 43), "fstatfs": (138, 44), "access": (21, None), "faccessat": (269, 48),
    "faccessat2": (439, 439), "readlink": (89, None), "readlinkat": (267, 78),
    "getdents": (78, None), "getdents64": (217, 61), "getxattr": (191, 8), "lgetxattr": (192, 9),
    "fgetxattr": (193, 10), "listxattr": (194, 11), "llistxattr": (195, 12),
    "flistxattr": (196, 13), "getcwd": (79, 17), "chdir": (80, 49), "fchdir": (81, 50),
    "umask": (95, 166), "mkdir": (83, None), "mkdirat": (258, 34), "rmdir": (84, None),
    "rename": (82, None), "renameat": (264, 38), "renameat2": (316, 276), "link": (86, None),
    "linkat": (265, 37), "unlink": (87, None), "unlinkat": (263, 35), "symlink": (88, None),
    "symlinkat": (266, 36), "truncate": (76, 45), "ftruncate": (77, 46), "dup": (32, 23),
    "dup2": (33, None),
    "dup3": (292, 24), "pipe": (22, None), "pipe2": (293, 59),
    # what waits
    "poll": (7, None), "ppoll": (271, 73), "select": (23, None), "pselect6": (270, 72),
    "eventfd2": (290, 19), "pause": (34, None), "nanosleep": (35, 101),
    "clock_nanosleep": (230, 115),
    # memory
    "mprotect": (10, 226), "munmap": (11, 215), "mremap": (25, 216), "brk": (12, 214),
    "get_mempolicy": (239, 236),
    # threads, and what a process is
    "exit": (60, 93), "exit_group": (231, 94), "wait4": (61, 260), "waitid": (247, 95),
    "set_tid_address": (218, 96),
    "rseq": (334, 293), "arch_prctl": (158, None),
    "getpid": (39, 172), "gettid": (186, 178), "getppid": (110, 173), "getpgid": (121, 155),
    "getpgrp": (111, None), "setpgid": (109, 154), "getsid": (124, 156),
    "getuid": (102, 174), "geteuid": (107, 175), "getgid": (104, 176), "getegid": (108, 177),
    "getresuid": (118, 148), "getresgid": (120, 150), "getgroups": (115, 158),
    "setuid": (105, 146), "setgid": (106, 144), "setgroups": (116, 159), "setresuid": (117, 147),
    "setresgid": (119, 149), "capget": (125, 90), "sched_yield": (24, 124),
    "sched_getaffinity": (204, 123), "sched_getparam": (143, 121),
    "sched_getscheduler": (145, 120), "sched_get_priority_max": (146, 125),
    "sched_get_priority_min": (147, 126), "getpriority": (140, 141),
    "getrlimit": (97, 163), "getrusage": (98, 165), "getcpu": (309, 168),
    # signals, clocks
    "kill": (62, 129), "tkill": (200, 130), "tgkill": (234, 131), "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139), "rt_sigpending": (127, 136),
    "rt_sigtimedwait": (128, 137), "rt_sigsuspend": (130, 133), "sigaltstack": (131, 132),
    "restart_syscall": (219, 128), "alarm": (37, None), "getitimer": (36, 102),
    "setitimer": (38, 103), "clock_gettime": (228, 113), "clock_getres": (229, 114),
    "gettimeofday": (96, 169), "time": (201, None), "times": (100, 153),
    # pairs of sockets, by which an event loop wakes itself
    "getsockname": (51, 204), "getpeername": (52, 205), "getsockopt": (55, 209),
    "sendto": (44, 206), "recvfrom": (45, 207), "shutdown": (48, 210),
    # about the machine
    "uname": (63, 160), "sysinfo": (99, 179), "getrandom": (318, 278),
}  # fmt: skip
# What programs do without where a file system does not have it: lists of rights, which the kernel
# keeps beside a scratch, and blocks of a file beyond its length, which no limit counts; and what
# moves pages instead of copying: a byte of a page keeps all of it, also once its file is gone. And
# reads into several places, whose lengths a filter cannot see. Then lists of locks that the kernel
# goes through when a thread ends, 2,048 pages of any file for each, and no signal ends that.
UNSUPPORTED: dict[str, tuple[int, int]] = {
    "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7), "fallocate": (285, 47),
    "splice": (275, 76), "tee": (276, 77), "sendfile": (40, 71), "copy_file_range": (326, 285),
    "readv": (19, 65), "preadv": (295, 69), "preadv2": (327, 286), "set_robust_list": (273, 99),
}  # fmt: skip
# A scratch has no disk to be written to; of a file that all jails read, it would be the host's. So
# are locks of whole files, of which one process needs none, and rights and times: of what is in
# /dev, and of the program that a warm Python runs, which is no copy in the jail.
# Then advice: what the host is to keep of such a file, and in which memory pages are to lie, which
# the kernel notes for each page of a file, as many as one likes and counted nowhere. And
# priorities: a process that ends slowly keeps its memory, where nobody sees it any more.
NOTHING_TO_DO: dict[str, tuple[int, int | None]] = {
    "fsync": (74, 82), "fdatasync": (75, 83), "sync_file_range": (277, 84), "msync": (26, 227),
    "fadvise64": (221, 223), "readahead": (187, 213), "flock": (73, 32), "utime": (132, None),
    "utimes": (235, None), "futimesat": (261, None), "utimensat": (280, 88), "chmod": (90, None),
    "fchmod": (91, 52), "fchmodat": (268, 53),
    "mbind": (237, 235), "set_mempolicy": (238, 237), "set_mempolicy_home_node": (450, 450),
    "setpriority": (141, 140), "sched_setaffinity": (203, 122),
}  # fmt: skip
CLONE, EXECVE, MMAP, SOCKETPAIR = (56, 220), (59, 221), (9, 222), (53, 199)
FUTEX = (202, 98)
OPEN, OPENAT, READ, PREAD64, PWRITEV2 = (2, None), (257, 56), (0, 63), (17, 67), (328, 287)
CLOSE_RANGE = (436, 436)
FCNTL, SETRLIMIT, PRLIMIT = (72, 25), (160, 164), (302, 261)
PRCTL, IOCTL, MADVISE = (157, 167), (16, 29), (28, 233)
# clone3's flags lie in memory, where a filter cannot look: "no such call" makes libc take clone.
CLONE3 = 435
FIRST_UNKNOWN = 451  # newer calls do not exist either; the x32 calls of x86_64 are above it, too
# What pthread_create asks for: CLONE_VM, FS, FILES, SIGHAND, THREAD, SYSVSEM, SETTLS,
# PARENT_SETTID, CHILD_CLEARTID. With any other flags it is a process, or has files of its own.
THREAD = 0x3D0F00
CLOSE_RANGE_FLAGS = (0, 4)  # none, CLOSE_RANGE_CLOEXEC; not: a table of files of one's own
MAP_SHARED, MAP_ANONYMOUS = 0x01, 0x20  # together: memory that is held without being mapped in
MAP_HUGETLB = 0x40000
# At once: what a read of /proc has begun, no signal ends, and on some kernels nobody else has the
# processor meanwhile.
MOST_READ = 2**26  # bytes, as many as a scratch has
# Past what is kept in memory, others would wait for the disk: an open file's flag, and in
# pwritev2's, of which libraries need none.
O_DIRECT = (0x4000, 0x10000)
# What to ask of an open file: F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_GETLK, F_GETOWN, F_OFD_GETLK,
# F_DUPFD_CLOEXEC, F_GETPIPE_SZ, F_GET_SEALS, and F_SETFL. Not: locks of parts of files, which are
# memory of the kernel's, as much as one likes; larger pipes; leases, as with one on a file that all
# jails read each of them waits at it.
FCNTL_COMMANDS = (0, 1, 2, 3, 5, 9, 36, 1030, 1032, 1034)
F_SETFL = 4
TERMINAL, REQUEST_KIND = 0x5400, 0xFFFFFF00  # ioctl's requests of terminals, pipes and sockets
# madvise: MADV_NORMAL, RANDOM, SEQUENTIAL, DONTNEED, FREE, DONTFORK, DOFORK, HUGEPAGE, NOHUGEPAGE,
# DONTDUMP, DODUMP, WIPEONFORK, POPULATE_READ, POPULATE_WRITE, COLLAPSE: of one's own memory. Not:
# pages that are shared with other processes, or looked for to be shared, or read ahead (WILLNEED),
# which nothing interrupts
ADVICE = (0, 1, 2, 4, 8, 10, 11, 14, 15, 16, 17, 18, 22, 23, 25)
AF_UNIX = 1
# Others take messages of many senders, which may be closed by then; SOCK_RAW is made such a one.
SOCK_STREAM, SOCK_TYPE = 1, 0xF
# PR_SET_PDEATHSIG, PR_GET_PDEATHSIG, PR_GET_DUMPABLE, PR_GET_NAME, PR_CAPBSET_READ,
# PR_SET_NO_NEW_PRIVS, PR_GET_NO_NEW_PRIVS, PR_SVE_GET_VL, and once PR_SET_SECCOMP. Of the others,
# one takes a gigabyte of the kernel's memory (PR_FUTEX_HASH), one hides what a process holds
# (PR_SET_DUMPABLE). A thread's name would stand in the kernel's log whenever that tells of it, with
# line ends: libraries that set one find it done.
PR_SET_NAME, PR_SET_SECCOMP = 15, 22
PROCESS_OPTIONS = (1, 2, 3, 16, 23, 38, 39, 51, PR_SET_SECCOMP)
# An operation of futex that nobody uses any more, and which writes to the kernel's log.
FUTEX_WAKE_OP, FUTEX_COMMAND = 5, 0x7F
RLIMIT_CORE = 4  # is as it should be: see `jail.leave_no_dumps`
# seccomp_data: the call's number at 0, the architecture at 4, six arguments of 8 bytes from 16 on
NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16
LOAD, AND, RETURN = 0x20, 0x54, 0x06  # BPF_LD|W|ABS, BPF_ALU|AND|K, BPF_RET|K
IF_EQUAL, IF_AT_LEAST = 0x15, 0x35  # BPF_JMP|JEQ|K, BPF_JMP|JGE|K
ALLOW, FAIL_WITH = 0x7FFF0000, 0x00050000  # SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO

Instruction = tuple[int, int, int, int]  # code, jump if true, jump if false, constant
_ALLOW: Instruction = (RETURN, 0, 0, ALLOW)


def is_supported() -> bool:
    """Tell whether the numbers of this computer's system calls are known here."""
    return platform.machine() in AUDIT_ARCH


def seccomp_program(machine: str | None = None) -> bytes:
    """Return the filter as `struct sock_filter`s, which `bwrap --seccomp` reads.

    Parameters
    ----------
    machine : "x86_64" or "aarch64"; this computer's if left out

    Raises
    ------
    KeyError
        If the machine is another one.
    """
    machine = machine or platform.machine()
    column = [*AUDIT_ARCH].index(machine)
    program = [(LOAD, 0, 0, ARCHITECTURE), (IF_EQUAL, 1, 0, AUDIT_ARCH[machine])]
    program += [_fail(errno.EPERM), (LOAD, 0, 0, NUMBER)]
    program += [(IF_AT_LEAST, 0, 1, FIRST_UNKNOWN), _fail(errno.ENOSYS)]
    program += [(IF_EQUAL, 0, 1, CLONE3), _fail(errno.ENOSYS)]
    program += [*_by_number(column), *_by_arguments(column), _fail(errno.EPERM)]
    return _packed(program)


def last_program(machine: str | None = None) -> bytes:
    """Return the filter beside the first for what runs already: no program, no other filter.

    Parameters
    ----------
    machine : "x86_64" or "aarch64"; this computer's if left out
    """
    column = [*AUDIT_ARCH].index(machine or platform.machine())
    program = [(LOAD, 0, 0, NUMBER), (IF_EQUAL, 0, 1, EXECVE[column]), _fail(errno.EPERM)]
    program += _if_called(PRCTL[column], _fail_if_equal(0, PR_SET_SECCOMP))
    return _packed([*program, _ALLOW])


def _packed(program: list[Instruction]) -> bytes:
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)


def _by_number(column: int) -> list[Instruction]:
    """Decide on calls whatever they are given."""
    unsupported = _fail(errno.EOPNOTSUPP)
    decisions = [(numbers, _ALLOW) for numbers in ALLOWED.values()]
    decisions += [(numbers, unsupported) for numbers in UNSUPPORTED.values()]
    decisions += [(numbers, _fail(0)) for numbers in NOTHING_TO_DO.values()]
    program = []
    for numbers, decision in decisions:
        if (number := numbers[column]) is not None:
            program += [(IF_EQUAL, 0, 1, number), decision]
    return program


def _by_arguments(column: int) -> list[Instruction]:
    """Decide on calls that do many things."""
    program = [(IF_EQUAL, 0, 1, EXECVE[column]), _ALLOW]
    program += _if_called(CLONE[column], _fail_unless_among(0, (THREAD,), errno.EPERM))
    flags = _fail_on_all(3, MAP_SHARED | MAP_ANONYMOUS) + _fail_on_any(3, MAP_HUGETLB)
    program += _if_called(MMAP[column], flags)
    for call, argument in (SETRLIMIT, 0), (PRLIMIT, 1):
        program += _if_called(call[column], _fail_if_equal(argument, RLIMIT_CORE))
    for numbers, argument in (OPEN, 1), (OPENAT, 2):
        if (number := numbers[column]) is not None:
            direct = _fail_on_any(argument, O_DIRECT[column], errno.EINVAL)
            program += _if_called(number, direct)
    for numbers in READ, PREAD64:
        program += _if_called(numbers[column], _fail_if_more(2, MOST_READ, errno.EINVAL))
    flagged = _fail_unless_among(5, (0,), errno.EOPNOTSUPP)
    program += _if_called(PWRITEV2[column], flagged)
    log = [_load(1), (AND, 0, 0, FUTEX_COMMAND), (IF_EQUAL, 0, 1, FUTEX_WAKE_OP)]
    program += _if_called(FUTEX[column], [*log, _fail(errno.ENOSYS)])
    set_flags = [*_fail_on_any(2, O_DIRECT[column], errno.EINVAL), _ALLOW]
    asked = [_load(1), (IF_EQUAL, 0, len(set_flags), F_SETFL), *set_flags]
    asked += _fail_unless_among(1, FCNTL_COMMANDS, errno.EPERM)
    program += _if_called(FCNTL[column], asked)
    for call, argument, values, error in (
        (CLOSE_RANGE, 2, CLOSE_RANGE_FLAGS, errno.EINVAL),
        (MADVISE, 2, ADVICE, errno.EINVAL),
    ):
        program += _if_called(call[column], _fail_unless_among(argument, values, error))
    options = _fail_unless_among(0, PROCESS_OPTIONS, errno.EINVAL)
    program += _if_called(PRCTL[column], _fail_if_equal(0, PR_SET_NAME, 0) + options)
    program += _if_called(IOCTL[column], _fail_unless_terminal(1))
    pair = _fail_unless_equal(0, AF_UNIX) + _fail_unless_type(SOCK_STREAM)
    return program + _if_called(SOCKETPAIR[column], pair)


def _fail(error: int) -> Instruction:
    """Answer with an error, or with success where there is none."""
    return RETURN, 0, 0, FAIL_WITH | error


def _if_called(number: int, body: list[Instruction]) -> list[Instruction]:
    """Run the body for this call; it ends in a decision, because it loads over the number."""
    return [(IF_EQUAL, 0, len(body) + 1, number), *body, _ALLOW]


def _load(argument: int, half: int = 0) -> Instruction:
    """Load an argument's low half, where all flags are, or the other (both are little-endian)."""
    return LOAD, 0, 0, FIRST_ARGUMENT + 8 * argument + 4 * half


def _fail_on_any(argument: int, flags: int, error: int = errno.EPERM) -> list[Instruction]:
    return [_load(argument), (AND, 0, 0, flags), (IF_EQUAL, 1, 0, 0), _fail(error)]


def _fail_on_all(argument: int, flags: int) -> list[Instruction]:
    return [_load(argument), (AND, 0, 0, flags), (IF_EQUAL, 0, 1, flags), _fail(errno.EPERM)]


def _fail_if_equal(argument: int, value: int, error: int = errno.EPERM) -> list[Instruction]:
    return [_load(argument), (IF_EQUAL, 0, 1, value), _fail(error)]


def _fail_if_more(argument: int, most: int, error: int) -> list[Instruction]:
    high = [_load(argument, 1), (IF_EQUAL, 1, 0, 0), _fail(error)]
    return [*high, _load(argument), (IF_AT_LEAST, 0, 1, most + 1), _fail(error)]


def _fail_unless_among(argument: int, values: tuple[int, ...], error: int) -> list[Instruction]:
    tests = [part for value in values for part in ((IF_EQUAL, 0, 1, value), _ALLOW)]
    return [_load(argument), *tests, _fail(error)]


def _fail_unless_terminal(argument: int) -> list[Instruction]:
    masked = [_load(argument), (AND, 0, 0, REQUEST_KIND)]
    return [*masked, (IF_EQUAL, 1, 0, TERMINAL), _fail(errno.ENOTTY)]


def _fail_unless_equal(argument: int, value: int) -> list[Instruction]:
    return [_load(argument), (IF_EQUAL, 1, 0, value), _fail(errno.EAFNOSUPPORT)]


def _fail_unless_type(kind: int) -> list[Instruction]:
    masked = [_load(1), (AND, 0, 0, SOCK_TYPE)]
    return [*masked, (IF_EQUAL, 1, 0, kind), _fail(errno.EPROTONOSUPPORT)]
