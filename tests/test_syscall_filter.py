"""The filter's numbers are the kernel's, on both machines, and its jumps lead where they should."""

import ctypes
import errno
import struct
from functools import cache

import pytest
from attacking_calls import DENIED

from course_utils.marking import syscall_filter
from course_utils.marking.syscall_filter import AUDIT_ARCH

COLUMNS = {machine: column for column, machine in enumerate(AUDIT_ARCH)}
ALLOW, EPERM, ENOSYS, NO_FAMILY = (
    0x7FFF0000, *(0x50000 | n for n in (errno.EPERM, errno.ENOSYS, errno.EAFNOSUPPORT))
)  # fmt: skip
OTHERS = {"clone": "CLONE", "mmap": "MMAP", "fcntl": "FCNTL", "socketpair": "SOCKETPAIR"}
OTHERS |= {"setrlimit": "SETRLIMIT", "prlimit64": "PRLIMIT", "prctl": "PRCTL", "ioctl": "IOCTL"}
OTHERS |= {"madvise": "MADVISE", "execve": "EXECVE", "close_range": "CLOSE_RANGE"}
OTHERS |= {"openat": "OPENAT", "pwritev2": "PWRITEV2", "open": "OPEN"}
OTHERS |= {"read": "READ", "pread64": "PREAD64", "futex": "FUTEX"}
LISTS = syscall_filter.ALLOWED, syscall_filter.UNSUPPORTED, syscall_filter.NOTHING_TO_DO
NAMES = {name: numbers for calls in (*LISTS, DENIED) for name, numbers in calls.items()}
NAMES |= {name: getattr(syscall_filter, value) for name, value in OTHERS.items()}
HONEST = ("read", "write", "openat", "mmap", "clone", "execve", "futex", "kill", "setresuid",
          "prctl", "ioctl", "socketpair", "getrandom", "statx", "rseq", "madvise",
          "fcntl")  # fmt: skip


@cache
def instructions(machine):
    return [*struct.iter_unpack("=HBBI", syscall_filter.seccomp_program(machine))]


def decide(machine, number, *args, architecture=None, program=None):
    """Run the filter as the kernel does; return its decision."""
    arch = architecture or AUDIT_ARCH[machine]
    data = struct.pack("=IIQ6Q", number, arch, 0, *args, *[0] * (6 - len(args)))
    program = program or instructions(machine)
    at, value = 0, 0
    while True:
        code, if_true, if_false, constant = program[at]
        at += 1
        if code == 0x06:
            return constant
        if code == 0x20:
            (value,) = struct.unpack_from("=I", data, constant)
        elif code == 0x54:
            value &= constant
        else:
            holds = {0x15: value == constant, 0x35: value >= constant}[code]
            at += if_true if holds else if_false


@pytest.fixture(scope="module")
def libseccomp():
    """The library that knows every machine's numbers; the filter does without it."""
    try:
        return ctypes.CDLL("libseccomp.so.2")
    except OSError:
        pytest.skip("there is no libseccomp to compare with")


def resolve(libseccomp, machine, name):
    number = libseccomp.seccomp_syscall_resolve_name_arch(AUDIT_ARCH[machine], name.encode())
    return number if number >= 0 else None


@pytest.mark.parametrize("machine", AUDIT_ARCH)
def test_numbers_equal_libseccomp(libseccomp, machine):
    expected = {name: resolve(libseccomp, machine, name) for name in NAMES}
    assert {name: numbers[COLUMNS[machine]] for name, numbers in NAMES.items()} == expected


@pytest.mark.parametrize("machine", AUDIT_ARCH)
def test_filter_allows_honest_calls(libseccomp, machine):
    args = {"socketpair": (1, 1), "mmap": (0, 4096, 3, 0x22)}  # AF_UNIX; private pages
    args["clone"] = (0x3D0F00,)  # what pthread_create asks for
    args |= {"ioctl": (1, 0x5401), "prctl": (16,)}  # a terminal's settings; a thread's name
    for name in HONEST:
        number = resolve(libseccomp, machine, name)
        assert decide(machine, number, *args.get(name, ())) == ALLOW, name


@pytest.mark.parametrize("machine", AUDIT_ARCH)
def test_filter_denies_what_attacks_need(machine):
    numbers = {numbers[COLUMNS[machine]] for numbers in DENIED.values()} - {None}
    assert len(numbers) > 70
    assert {decide(machine, number) for number in numbers} == {EPERM}


@pytest.mark.parametrize("machine", AUDIT_ARCH)
def test_filter_denies_whatever_it_does_not_list(machine):
    listed = {numbers[COLUMNS[machine]] for calls in LISTS for numbers in calls.values()}
    listed |= {NAMES[name][COLUMNS[machine]] for name in OTHERS}
    others = {*range(451)} - listed - {syscall_filter.CLONE3}
    assert len(others) > 200
    assert {decide(machine, number) for number in others} == {EPERM}


@pytest.mark.parametrize("machine", AUDIT_ARCH)
def test_filter_answers_in_place_of_the_kernel(machine):
    for calls, error in zip(LISTS[1:], (errno.EOPNOTSUPP, 0), strict=True):
        numbers = {numbers[COLUMNS[machine]] for numbers in calls.values()} - {None}
        assert {decide(machine, number) for number in numbers} == {0x50000 | error}


@pytest.mark.parametrize("machine", AUDIT_ARCH)
def test_filter_reads_arguments(machine):
    clone, mmap, fcntl, pair, limit, prlimit, prctl, ioctl, madvise, _, close, *_ = (
        NAMES[name][COLUMNS[machine]] for name in OTHERS
    )
    thread = 0x3D0F00  # what pthread_create asks for
    assert decide(machine, clone, thread) == ALLOW
    assert {decide(machine, clone, thread ^ 1 << bit) for bit in range(32)} == {EPERM}
    assert decide(machine, mmap, 0, 4096, 3, 0x01) == ALLOW  # a file, shared
    assert decide(machine, mmap, 0, 4096, 3, 0x21) == EPERM
    assert decide(machine, mmap, 0, 4096, 3, 0x40022) == EPERM  # huge pages
    assert {decide(machine, fcntl, 3, what) for what in (0, 2, 4, 5, 36, 1030, 1034)} == {ALLOW}
    locks, leases, larger_pipe = (6, 7, 37, 38), (1024, 1026, 1040), (1031,)
    others = locks + leases + larger_pipe + (10, 1033, 1036, 0xFFFFFFFF)
    assert {decide(machine, fcntl, 3, what) for what in others} == {EPERM}
    terminal, clone_file, flags = (0x5401, 0x541B, 0x5421), 0x40049409, 0x40086602
    assert {decide(machine, ioctl, 3, request) for request in terminal} == {ALLOW}
    others = clone_file, flags, 0x10005401, 0x5301, 0x8933, 0xB701
    assert {decide(machine, ioctl, 3, request) for request in others} == {0x50000 | errno.ENOTTY}
    assert {decide(machine, madvise, 0, 4096, how) for how in (2, 4, 8, 14)} == {ALLOW}
    shared = 3, 9, 12, 20, 21, 100  # MADV_WILLNEED, REMOVE, MERGEABLE, COLD, PAGEOUT, HWPOISON
    advised = {decide(machine, madvise, 0, 4096, how) for how in shared}
    assert advised == {0x50000 | errno.EINVAL}
    assert [decide(machine, limit, which) for which in (4, 7)] == [EPERM, ALLOW]  # RLIMIT_CORE
    assert [decide(machine, prlimit, 0, which) for which in (4, 7)] == [EPERM, ALLOW]
    assert {decide(machine, close, 3, 9, flags) for flags in (0, 4)} == {ALLOW}
    others = {decide(machine, close, 3, 9, flags) for flags in (1, 2, 6, 8, 0xFFFFFFFF)}
    assert others == {0x50000 | errno.EINVAL}
    assert {decide(machine, prctl, what) for what in (1, 16, 38)} == {ALLOW}
    assert decide(machine, prctl, 15) == 0x50000  # PR_SET_NAME: nothing is done
    others = 4, 35, 36, 59, 62, 78, 0x53564D41, 0xFFFFFFFF
    assert {decide(machine, prctl, what) for what in others} == {0x50000 | errno.EINVAL}
    assert decide(machine, pair, 1, 1 | 0x80800) == ALLOW
    others = {decide(machine, pair, 1, kind | 0x80800) for kind in {*range(16)} - {1}}
    assert others == {0x50000 | errno.EPROTONOSUPPORT}  # datagrams, and what becomes such
    assert {decide(machine, pair, family) for family in (2, 10, 16, 38, 40)} == {NO_FAMILY}


@pytest.mark.parametrize(("machine", "direct"), [("x86_64", 0x4000), ("aarch64", 0x10000)])
def test_no_file_is_read_past_what_is_kept_in_memory(machine, direct):
    """Everybody else would wait for the disk."""
    fcntl, openat, opens, writes = (
        NAMES[name][COLUMNS[machine]] for name in ("fcntl", "openat", "open", "pwritev2")
    )
    refused = 0x50000 | errno.EINVAL
    for flags in (0, 0x80000, 0x242):
        assert decide(machine, openat, 0, 0, flags) == ALLOW
        assert decide(machine, openat, 0, 0, flags | direct) == refused
        assert decide(machine, fcntl, 3, 4, flags) == ALLOW  # F_SETFL
        assert decide(machine, fcntl, 3, 4, flags | direct) == refused
        if opens is not None:
            assert decide(machine, opens, 0, flags, 0) == ALLOW
            assert decide(machine, opens, 0, flags | direct, 0) == refused
    assert decide(machine, writes, 3, 0, 1, 0, 0, 0) == ALLOW
    for flag in (1, 2, 8, 0x80):  # RWF_HIPRI, DSYNC, NOWAIT, DONTCACHE
        assert decide(machine, writes, 3, 0, 1, 0, 0, flag) == 0x50000 | errno.EOPNOTSUPP


@pytest.mark.parametrize("machine", AUDIT_ARCH)
@pytest.mark.parametrize("name", ["read", "pread64"])
def test_only_so_much_is_read_at_once(machine, name):
    """What a read of /proc has begun, no signal ends."""
    number, most = NAMES[name][COLUMNS[machine]], syscall_filter.MOST_READ
    for count in (0, 1, most):
        assert decide(machine, number, 3, 0, count) == ALLOW
    for count in (most + 1, 2**31, 2**32, 2**32 + 1, 2**64 - 1):
        assert decide(machine, number, 3, 0, count) == 0x50000 | errno.EINVAL


@pytest.mark.parametrize("machine", AUDIT_ARCH)
def test_no_lock_writes_to_the_kernels_log(machine):
    number = NAMES["futex"][COLUMNS[machine]]
    for command in range(14):
        for flags in (0, 128, 256, 384):  # of one process, by the clock
            expected = ENOSYS if command == 5 else ALLOW  # FUTEX_WAKE_OP
            assert decide(machine, number, 0, command | flags) == expected


@pytest.mark.parametrize("machine", AUDIT_ARCH)
def test_running_program_stays_what_it_is(machine):
    execve, prctl, read = (NAMES[name][COLUMNS[machine]] for name in ("execve", "prctl", "read"))
    assert decide(machine, execve) == ALLOW  # for bubblewrap
    last = [*struct.iter_unpack("=HBBI", syscall_filter.last_program(machine))]
    assert decide(machine, execve, program=last) == EPERM
    assert decide(machine, prctl, 22, program=last) == EPERM  # PR_SET_SECCOMP
    assert decide(machine, prctl, 15, program=last) == ALLOW
    assert decide(machine, read, program=last) == ALLOW


def test_filter_denies_other_architectures():
    assert decide("x86_64", 20, architecture=0x40000003) == EPERM  # int 0x80: 32 bits
    assert decide("x86_64", 0x40000000 | 1) == ENOSYS  # x32
    assert {decide(machine, n) for machine in AUDIT_ARCH for n in (435, 451, 999)} == {ENOSYS}
