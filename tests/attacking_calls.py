"""System calls that attacks need and no answer does; the filter lists neither these nor others."""

# Name → its number on x86_64 and on aarch64; None where it does not exist.
DENIED: dict[str, tuple[int, int | None]] = {
    # keys of the host
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
    # other processes
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "kcmp": (312, 272), "pidfd_getfd": (438, 438), "process_madvise": (440, 440),
    "perf_event_open": (298, 241),
    "fork": (57, None), "vfork": (58, None), "execveat": (322, 281), "setsid": (112, 157),
    # sockets that wait, or carry open files
    "socket": (41, 198), "bind": (49, 200), "connect": (42, 203), "listen": (50, 201),
    "accept": (43, 202), "accept4": (288, 242), "sendmsg": (46, 211), "recvmsg": (47, 212),
    "sendmmsg": (307, 269), "recvmmsg": (299, 243), "setsockopt": (54, 208),
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
    # once attacked or likely to be
    "epoll_create1": (291, 20), "signalfd4": (289, 74), "timerfd_create": (283, 85),
    "timer_create": (222, 107), "seccomp": (317, 277), "personality": (135, 92),
    "rt_sigqueueinfo": (129, 138), "pidfd_open": (434, 434), "pidfd_send_signal": (424, 424),
    "remap_file_pages": (216, 234), "sched_setscheduler": (144, 119), "sched_setattr": (314, 274),
    "ioprio_set": (251, 30), "mlockall": (151, 230), "mincore": (27, 232), "capset": (126, 91),
    "chown": (92, None), "fchownat": (260, 54), "removexattr": (197, 14), "membarrier": (324, 283),
    "futex_waitv": (449, 449), "openat2": (437, 437), "pkey_alloc": (330, 289),
}  # fmt: skip
