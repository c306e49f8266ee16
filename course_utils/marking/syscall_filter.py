"""The system calls that no answer needs, as a seccomp filter for `bwrap --seccomp`.

The filter is a program for the kernel's classic BPF machine (seccomp(2)), put together here from
the numbers below. A denied call fails with an error that programs expect; nothing is killed.
"""

from __future__ import annotations

import errno
import platform
import struct

AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}  # linux/audit.h
# Name → its number on x86_64 and on aarch64; None where it does not exist.
DENIED: dict[str, tuple[int, int | None]] = {
    # keys of the host
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
    # other processes
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "kcmp": (312, 272), "pidfd_getfd": (438, 438), "process_madvise": (440, 440),
    "perf_event_open": (298, 241),
    # programs in the kernel, and large parts of it that no answer needs
    "bpf": (321, 280), "userfaultfd": (323, 282), "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "vmsplice": (278, 75),
    # other namespaces and file systems
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51),
    "unshare": (272, 97), "setns": (308, 268), "open_tree": (428, 428), "move_mount": (429, 429),
    "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433),
    "mount_setattr": (442, 442), "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265),
    "fanotify_init": (300, 262), "fanotify_mark": (301, 263), "mknod": (133, None),
    "mknodat": (259, 33), "quotactl": (179, 60), "quotactl_fd": (443, 443),
    # memory that belongs to no process
    "memfd_create": (319, 279), "memfd_secret": (447, 447),
    "shmget": (29, 194), "shmat": (30, 196), "shmctl": (31, 195), "shmdt": (67, 197),
    "semget": (64, 190), "semop": (65, 193), "semctl": (66, 191), "semtimedop": (220, 192),
    "msgget": (68, 186), "msgsnd": (69, 189), "msgrcv": (70, 188), "msgctl": (71, 187),
    "mq_open": (240, 180), "mq_unlink": (241, 181), "mq_timedsend": (242, 182),
    "mq_timedreceive": (243, 183), "mq_notify": (244, 184), "mq_getsetattr": (245, 185),
    "migrate_pages": (256, 238), "move_pages": (279, 239),
    # rules of the kernel's, as many as one likes
    "landlock_create_ruleset": (444, 444), "landlock_add_rule": (445, 445),
    "landlock_restrict_self": (446, 446),
    # what is felt outside the jail: watches of files count for their owner, requests that are
    # read later for the whole machine, and disks are shared
    "io_setup": (206, 0),
    "inotify_init": (253, None), "inotify_init1": (294, 26), "inotify_add_watch": (254, 27),
    "sync": (162, 81), "syncfs": (306, 267),
    # the machine
    "kexec_load": (246, 104), "kexec_file_load": (320, 294), "init_module": (175, 105),
    "finit_module": (313, 273), "delete_module": (176, 106), "reboot": (169, 142),
    "swapon": (167, 224), "swapoff": (168, 225), "acct": (163, 89), "syslog": (103, 116),
    "settimeofday": (164, 170), "clock_settime": (227, 112), "clock_adjtime": (305, 266),
    "adjtimex": (159, 171), "sethostname": (170, 161), "setdomainname": (171, 162),
    "vhangup": (153, 58), "iopl": (172, None), "ioperm": (173, None), "modify_ldt": (154, None),
    "uselib": (134, None), "ustat": (136, None), "sysfs": (139, None),
}  # fmt: skip
# What programs do without where a file system does not have it: lists of rights, which the kernel
# keeps beside a scratch, and blocks of a file beyond its length, which no limit counts; and what
# moves pages instead of copying: a byte of a page keeps all of it, also once its file is gone.
UNSUPPORTED: dict[str, tuple[int, int]] = {
    "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7), "fallocate": (285, 47),
    "splice": (275, 76), "tee": (276, 77), "sendfile": (40, 71),
}  # fmt: skip
# A scratch has no disk to be written to; of a file that all jails read, it would be the host's. The
# rest is advice: what the host is to keep of such a file, and in which memory pages are to lie,
# which the kernel notes for each page of a file, as many as one likes and counted nowhere.
NOTHING_TO_DO: dict[str, tuple[int, int]] = {
    "fsync": (74, 82), "fdatasync": (75, 83), "sync_file_range": (277, 84), "msync": (26, 227),
    "fadvise64": (221, 223), "readahead": (187, 213),
    "mbind": (237, 235), "set_mempolicy": (238, 237), "set_mempolicy_home_node": (450, 450),
}  # fmt: skip
CLONE, MMAP, SOCKET, SOCKETPAIR = (56, 220), (9, 222), (41, 198), (53, 199)
FCNTL, SETRLIMIT, PRLIMIT = (72, 25), (160, 164), (302, 261)
SETSOCKOPT, PRCTL = (54, 208), (157, 167)
# clone3's flags lie in memory, where a filter cannot look: "no such call" makes libc take clone.
CLONE3 = 435
FIRST_UNKNOWN = 451  # newer calls do not exist either; the x32 calls of x86_64 are above it, too
# CLONE_NEW* for user, pid, net, mount, cgroup, uts and ipc; CLONE_PARENT, as a sibling of the
# jail's first process is a child of one outside, where the watch does not look for it
NOT_CLONED = 0x7E020000 | 0x8000
MAP_SHARED, MAP_ANONYMOUS = 0x01, 0x20  # together: memory that is held without being mapped in
MAP_HUGETLB = 0x40000
# F_SETLK, F_SETLKW, F_OFD_SETLK and F_OFD_SETLKW: locks of parts of files are memory of the
# kernel's, as much as one likes; F_SETLEASE, F_NOTIFY and F_SETDELEG: with a lease on a file that
# all jails read, each of them waits at it
DENIED_FCNTL = (6, 7, 37, 38, 1024, 1026, 1040)
AF_UNIX = 1
SOCK_DGRAM, SOCK_TYPE = 2, 0xF  # one takes messages of many senders, which may be closed by then
DENIED_OPTIONS = (7, 32)  # SO_SNDBUF, SO_SNDBUFFORCE: the watch counts on their usual size
# The first option of prctl since Linux 5.14. One of them takes a gigabyte of the kernel's memory
# (PR_FUTEX_HASH), one a part of the processor from others (PR_SCHED_CORE).
FIRST_NEW_OPTION = 62
RLIMIT_CORE = 4  # is as it should be: see `jail.leave_no_dumps`
# seccomp_data: the call's number at 0, the architecture at 4, six arguments of 8 bytes from 16 on
NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16
LOAD, AND, RETURN = 0x20, 0x54, 0x06  # BPF_LD|W|ABS, BPF_ALU|AND|K, BPF_RET|K
IF_EQUAL, IF_AT_LEAST = 0x15, 0x35  # BPF_JMP|JEQ|K, BPF_JMP|JGE|K
ALLOW, FAIL_WITH = 0x7FFF0000, 0x00050000  # SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO

Instruction = tuple[int, int, int, int]  # code, jump if true, jump if false, constant


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
    for calls, error in (
        (DENIED, errno.EPERM),
        (UNSUPPORTED, errno.EOPNOTSUPP),
        (NOTHING_TO_DO, 0),
    ):
        for numbers in calls.values():
            if (number := numbers[column]) is not None:
                program += [(IF_EQUAL, 0, 1, number), _fail(error)]
    program += _if_called(CLONE[column], _fail_on_any(0, NOT_CLONED))
    flags = _fail_on_all(3, MAP_SHARED | MAP_ANONYMOUS) + _fail_on_any(3, MAP_HUGETLB)
    program += _if_called(MMAP[column], flags)
    program += _if_called(FCNTL[column], _fail_if_among(1, DENIED_FCNTL))
    program += _if_called(SETRLIMIT[column], _fail_if_among(0, (RLIMIT_CORE,)))
    program += _if_called(PRLIMIT[column], _fail_if_among(1, (RLIMIT_CORE,)))
    program += _if_called(SETSOCKOPT[column], _fail_if_among(2, DENIED_OPTIONS))
    program += _if_called(PRCTL[column], _fail_from(0, FIRST_NEW_OPTION))
    for call in (SOCKET, SOCKETPAIR):
        body = _fail_unless_equal(0, AF_UNIX) + _fail_if_type(SOCK_DGRAM)
        program += _if_called(call[column], body)
    program.append((RETURN, 0, 0, ALLOW))
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)


def _fail(error: int) -> Instruction:
    """Answer with an error, or with success where there is none."""
    return RETURN, 0, 0, FAIL_WITH | error


def _if_called(number: int, body: list[Instruction]) -> list[Instruction]:
    """Run the body for this call; it ends in a decision, because it loads over the number."""
    return [(IF_EQUAL, 0, len(body) + 1, number), *body, (RETURN, 0, 0, ALLOW)]


def _load(argument: int) -> Instruction:
    """Load an argument's low half (both machines are little-endian): all flags are there."""
    return LOAD, 0, 0, FIRST_ARGUMENT + 8 * argument


def _fail_on_any(argument: int, flags: int) -> list[Instruction]:
    return [_load(argument), (AND, 0, 0, flags), (IF_EQUAL, 1, 0, 0), _fail(errno.EPERM)]


def _fail_on_all(argument: int, flags: int) -> list[Instruction]:
    return [_load(argument), (AND, 0, 0, flags), (IF_EQUAL, 0, 1, flags), _fail(errno.EPERM)]


def _fail_if_among(argument: int, values: tuple[int, ...]) -> list[Instruction]:
    tests = [part for value in values for part in ((IF_EQUAL, 0, 1, value), _fail(errno.EPERM))]
    return [_load(argument), *tests]


def _fail_from(argument: int, value: int) -> list[Instruction]:
    return [_load(argument), (IF_AT_LEAST, 0, 1, value), _fail(errno.EINVAL)]


def _fail_unless_equal(argument: int, value: int) -> list[Instruction]:
    return [_load(argument), (IF_EQUAL, 1, 0, value), _fail(errno.EAFNOSUPPORT)]


def _fail_if_type(kind: int) -> list[Instruction]:
    masked = [_load(1), (AND, 0, 0, SOCK_TYPE), (IF_EQUAL, 0, 1, kind)]
    return [*masked, _fail(errno.EPROTONOSUPPORT)]
