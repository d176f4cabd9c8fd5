"""The guard's pure decisions: where overlays go, what the system call filter answers, what maps say."""

from __future__ import annotations

import ast
import errno
import posixpath
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlagent_kernel.guard import inherited_maps, overlay_plan, seccomp, syscalls
from mlagent_kernel.guard.overlay_plan import Mount, is_within

KERNELS = Path(__file__).parents[3] / "kernels"
names = st.sampled_from(["home", "data", "work", "ann", "etc", "usr", "tmp"])
paths = st.lists(names, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))


def mount(point: str) -> Mount:
    return Mount(point, "ext4", read_only=False)


def plan(
    wanted: list[str], mounts: list[str], copyable=lambda path: True, over_mounts: bool = False
) -> list[str]:
    return overlay_plan.targets(
        wanted,
        [],
        [mount(point) for point in ["/", *mounts]],
        subdirectories=lambda path: [path + "/a", path + "/b"],
        copyable=copyable,
        over_mounts=over_mounts,
    )


def test_the_widest_directory_is_covered() -> None:
    assert plan(["/home/ann/project", "/home/ann", "/tmp"], []) == ["/home", "/tmp"]


def test_a_mount_beside_the_project_narrows_it() -> None:
    assert plan(["/home/ann/project"], ["/home/ann/drive"]) == ["/home/ann/project"]


def test_a_mount_below_home_leaves_its_folders() -> None:
    assert plan(["/home/ann"], ["/home/ann/drive"]) == ["/home/ann/a", "/home/ann/b"]
    assert plan(["/home/ann"], ["/home/ann/drive"], over_mounts=True) == ["/home/ann"]


def test_a_mount_that_holds_the_project_is_covered_itself() -> None:
    assert plan(["/mnt/disk/project"], ["/mnt/disk"]) == ["/mnt/disk"]
    assert plan(["/mnt/disk/project"], ["/mnt/disk", "/mnt/other"]) == ["/mnt/disk"]


def test_what_others_own_is_covered_itself_and_not_its_parent() -> None:
    own = {"/home/ann", "/home/ann/project"}
    assert plan(["/home/ann/project"], [], copyable=own.__contains__) == ["/home"]
    assert plan(["/var/tmp"], [], copyable=own.__contains__) == ["/var/tmp"]


@given(paths, st.lists(paths, max_size=5), st.booleans())
def test_a_plan_never_covers_the_root_nor_hides_a_mount(
    wanted: str, mounts: list[str], over_mounts: bool
) -> None:
    for target in plan([wanted], mounts, over_mounts=over_mounts):
        assert target not in ("/", "/dev", "/proc", "/sys")
        if not over_mounts:
            assert not any(point != target and is_within(point, target) for point in mounts)
        assert is_within(wanted, target) or is_within(target, wanted)


@given(paths, paths)
def test_within_agrees_with_the_common_path(path: str, directory: str) -> None:
    assert is_within(path, directory) == (posixpath.commonpath([path, directory]) == directory)


def test_mountinfo_is_read_with_its_escapes() -> None:
    line = rb"36 35 98:0 /mnt1 /mnt/a\040b\134c ro,noatime master:1 - ext3 /dev/root rw,errors=continue"
    assert overlay_plan.parse_mountinfo(line) == [Mount("/mnt/a b\\c", "ext3", read_only=True)]
    assert overlay_plan.parse_mountinfo(b"garbage\n") == []


MAPS = b"""\
55e0c8a00000-55e0c8a28000 r--p 00000000 fe:00 1234 /usr/bin/python3.11
7f0000000000-7f0000002000 rw-s 00001000 fe:00 99 /data/my files 00000000 fe:00 /x.bin
7f0000004000-7f0000005000 r--s 00000000 00:01 1034 /dev/zero (deleted)
7f0000006000-7f0000007000 rw-p 00000000 00:00 0
"""


def test_shared_mappings_are_told_from_private_ones() -> None:
    first, second = inherited_maps.parse(MAPS)
    assert (first.start, first.length, first.protection) == (0x7F0000000000, 0x2000, 3)
    assert (first.offset, first.inode, first.path) == (0x1000, 99, "/data/my files 00000000 fe:00 /x.bin")
    assert (second.protection, second.path) == (1, "/dev/zero (deleted)")


def shields(
    mounts: list[str], covered: list[str], over_mounts: bool = False, sockets: str = ""
) -> overlay_plan.Shields:
    return overlay_plan.shields(
        covered,
        ["dev", "home", "proc", "run", "srv", "usr"],
        [mount(point) for point in ["/", "/proc", "/dev/shm", *mounts]],
        subdirectories=lambda path: [path + "/a", path + "/b"],
        holds_socket=lambda path: path == sockets,
        reachable=lambda path: True,
        over_mounts=over_mounts,
    )


def test_what_is_not_covered_is_shielded() -> None:
    found = shields([], ["/home"])
    assert (found.overlaid, found.emptied, found.complete) == (("/run", "/srv", "/usr"), (), True)


def test_a_directory_that_cannot_be_shielded_whole_is_shielded_in_parts() -> None:
    found = shields(["/srv/a/disk", "/run/user/1"], ["/home"])
    assert "/srv/b" in found.overlaid
    assert "/srv/a/a" in found.overlaid
    assert found.emptied == ("/run",)
    assert found.complete
    assert not shields(["/srv/a/disk"], [], sockets="/srv/a").complete


def test_root_shields_every_mount_of_its_own() -> None:
    found = shields(["/srv/disk", "/home/ann/disk"], ["/home"], over_mounts=True)
    assert found.overlaid == ("/home/ann/disk", "/run", "/srv", "/srv/disk", "/usr")
    assert found.complete


# The filter, run by a small interpreter of classic BPF over struct seccomp_data.

ALLOWED = "allowed"
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}


def decide(program: bytes, architecture: int, number: int, *arguments: int) -> str:
    """`allowed`, an errno's name, or `pretended`."""
    data = struct.pack("<IIQ6Q", number, architecture, 0, *(*arguments, *[0] * 6)[:6])
    code = [struct.unpack_from("=HBBI", program, at) for at in range(0, len(program), 8)]
    position, accumulator = 0, 0
    while True:
        operation, if_true, if_false, value = code[position]
        position += 1
        if operation == 0x20:
            accumulator = struct.unpack_from("<I", data, value)[0]
        elif operation == 0x54:
            accumulator &= value
        elif operation in (0x15, 0x35, 0x45):
            tests = {0x15: accumulator == value, 0x35: accumulator >= value, 0x45: bool(accumulator & value)}
            position += if_true if tests[operation] else if_false
        elif operation == 0x06:
            if value == 0x7FFF0000:
                return ALLOWED
            assert value & 0xFFFF0000 == 0x00050000
            return errno.errorcode.get(value & 0xFFFF, "pretended")
        else:
            raise AssertionError(f"unknown operation {operation:#x}")


@pytest.fixture(params=sorted(ARCHITECTURES))
def machine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(syscalls, "MACHINE", request.param)
    seccomp.program.cache_clear()
    return ARCHITECTURES[request.param]


def ask(
    machine: int, name: str, *arguments: int, namespaces: bool = True, landlock: int = 7, unix: bool = False
) -> str:
    number = syscalls.number(name)
    if number is None:
        pytest.skip(f"no {name} on this architecture")
    program = seccomp.program(namespaces=namespaces, landlock=landlock, own_pid=77, unix_sockets=unix)
    return decide(program, machine, number, *arguments)


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        (("mount",), "EPERM"),
        (("ptrace",), "EPERM"),
        (("bpf",), "EPERM"),
        (("open_by_handle_at",), "EPERM"),
        (("setns",), "EPERM"),
        (("keyctl",), "EPERM"),
        (("io_uring_setup",), "EPERM"),
        (("clone3",), "ENOSYS"),
        (("memfd_create",), "ENOSYS"),
        (("clone", 0x003D0F00), ALLOWED),  # a thread
        (("clone", 0x01200011), ALLOWED),  # a fork
        (("clone", 0x10000011), "EPERM"),  # a user namespace
        (("unshare", 0x20000000), "EPERM"),
        (("unshare", 0x80), "EPERM"),  # a time namespace
        (("unshare", 0x400), ALLOWED),  # its own file table
        (("socket", 1, 1, 0), "EACCES"),
        (("socket", 2, 1, 6), ALLOWED),
        (("socket", 10, 2, 0), ALLOWED),
        (("socket", 16, 3, 0), ALLOWED),  # routing tables of its own network
        (("socket", 16, 3, 15), "EACCES"),  # device events
        (("socket", 17, 3, 0), "EACCES"),
        (("socket", 40, 1, 0), "EACCES"),
        (("socketpair", 1, 1 | 0x80000, 0), ALLOWED),  # a stream
        (("socketpair", 1, 2, 0), "EACCES"),
        (("ioctl", 0, 0x5401), ALLOWED),  # terminal attributes
        (("ioctl", 0, 0x5412), "EPERM"),  # typing into a terminal
        (("ioctl", 3, 0x40086602), "EPERM"),  # file flags
        (("ioctl", 3, 0x80086601), ALLOWED),  # reading them
        (("ioctl", 3, 0x40049409), "EPERM"),
        (("prctl", 15), ALLOWED),
        (("prctl", 1), "EPERM"),
        (("fchmodat",), "pretended"),
        (("utimensat",), "pretended"),
        (("setxattr",), "EOPNOTSUPP"),
        (("kill", 12345, 9), ALLOWED),  # nobody there in its own namespace
    ],
)
def test_the_filter_with_namespaces(machine: int, call: tuple, answer: str) -> None:
    assert ask(machine, *call) in (answer, {"EOPNOTSUPP": "ENOTSUP"}.get(answer, answer))


def test_unix_sockets_are_allowed_where_none_leads_out(machine: int) -> None:
    assert ask(machine, "socket", 1, 1, 0, unix=True) == ALLOWED
    assert ask(machine, "socketpair", 1, 2, 0, unix=True) == ALLOWED
    assert ask(machine, "socket", 17, 3, 0, unix=True) == "EACCES"


@pytest.mark.parametrize(
    ("call", "landlock", "answer"),
    [
        (("socket", 2, 1, 6), 7, "EACCES"),
        (("kill", 12345, 9), 7, ALLOWED),  # Landlock scopes signals
        (("kill", 12345, 9), 5, "EPERM"),
        (("kill", 77, 9), 5, ALLOWED),
        (("prlimit64", 12345), 7, "EPERM"),
        (("prlimit64", 0), 7, ALLOWED),
        (("shmat",), 7, "EPERM"),
        (("fcntl", 3, 8, 12345), 5, "EPERM"),  # who is sent a signal when the file is ready
        (("fcntl", 3, 8, 12345), 7, ALLOWED),
        (("fcntl", 3, 1), 5, ALLOWED),
        (("openat", 0, 0, 0o1000), 2, "EACCES"),  # O_TRUNC while opening to read
        (("openat", 0, 0, 0o1001), 2, ALLOWED),  # to write: Landlock sees that
        (("openat", 0, 0, 0), 2, ALLOWED),
        (("openat", 0, 0, 0o1000), 3, ALLOWED),
    ],
)
def test_the_filter_without_namespaces(machine: int, call: tuple, landlock: int, answer: str) -> None:
    assert ask(machine, *call, namespaces=False, landlock=landlock) == answer


def test_foreign_calling_conventions_are_refused(machine: int) -> None:
    program = seccomp.program(namespaces=True, landlock=7, own_pid=1, unix_sockets=False)
    assert decide(program, 0x40000003, 21) == "ENOSYS"  # 32-bit x86
    if machine == ARCHITECTURES["x86_64"]:
        assert decide(program, machine, 0x40000000 + 165) == "ENOSYS"  # x32


@given(st.integers(0, 600), st.lists(st.integers(0, 2**64 - 1), max_size=6))
def test_the_filter_always_decides(number: int, arguments: list[int]) -> None:
    program = seccomp.program(namespaces=False, landlock=2, own_pid=1, unix_sockets=False)
    assert decide(program, ARCHITECTURES[syscalls.MACHINE or "x86_64"], number, *arguments)


def test_what_runs_in_kernels_parses_with_python_3_9() -> None:
    for source in KERNELS.rglob("*.py"):
        ast.parse(source.read_text(encoding="utf-8"), str(source), feature_version=(3, 9))
