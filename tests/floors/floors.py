#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the house up: floors.py [TREE] reads every #include and says which break a rule.

1. A file includes only from its own floor or below; a header that no other room should see stays in its room.
2. Each library has one door: its headers are included by the files listed for it and by no other.
3. What no rule knows is refused too, so that a new room or library gets its floor or door written down here first.
"""
import fnmatch
import pathlib
import re
import sys

FLOORS = ["base", "model", "store", "steer", "view", "import", "dns", "web", "net", "programs"]

# Where a file stands. The first pattern that matches gives the floor; None: any (tests over everything).
PLACES = [
    *((f"include/isobar/{room}/*", room) for room in FLOORS[:8]),
    *((f"lib/{room}/*", room) for room in FLOORS[:8]),
    *((f"tests/unit/{room}/*", room) for room in FLOORS[:8]),
    ("server/main.c", "programs"),
    ("probes/main.c", "programs"),
    ("control/*", "programs"),
    ("server/*", "net"),
    ("probes/*", "net"),
    ("tests/unit/control/*", "programs"),
    ("tests/unit/server/*", "net"),
    ("tests/unit/probes/*", "net"),
    ("tools/*", "programs"),
    ("tests/unit/tools/*", "programs"),
    ("tests/flow/*", "net"),
    ("tests/fuzz/fuzz_route.c", "programs"),
    ("tests/fuzz/*", "net"),
    ("tests/bench/*", "dns"),
    ("tests/world/*", "base"),
]

# library: (its headers, the files that may include them)
DOORS = {
    "LMDB": (["lmdb.h"], ["lib/store/env*.c", "lib/store/env*.h", "tests/unit/store/test_env*.c"]),
    "libyaml": (["yaml.h"], ["lib/model/yaml*.c"]),
    "ldns": (["ldns/*"], ["lib/view/rrldns.c", "tools/verb_explain.c"]),
    "libmaxminddb": (["maxminddb.h"], ["lib/view/geodb*.c", "lib/view/geodb*.h"]),
    "libuv": (["uv.h"], ["server/*", "probes/*"]),
    "liburcu": (["urcu.h", "urcu-*.h", "urcu/*"], ["server/live.c"]),
    "libfstrm": (["fstrm.h", "fstrm/*"], ["server/dnstap.c"]),
    "c-ares": (["ares.h", "ares_*.h"], ["probes/resolve.c"]),
    "libcurl": (["curl/*"], ["tools/remote_http.c", "tools/top_fetch.c", "probes/check_http*"]),
    "OpenSSL": (["openssl/*"], ["lib/dns/hmac.c", "probes/check_http*", "probes/check_tls*", "probes/check_trust*",
                                 "probes/tls_link.c", "lib/web/tokens.c"]),
    "libmicrohttpd": (["microhttpd.h"], ["lib/web/*"]),
    "jansson": (["jansson.h"], ["tools/*", "control/*", "tests/unit/control/*", "tests/fuzz/fuzz_route.c"]),
    "cmocka": (["cmocka.h"], ["tests/unit/*", "tests/flow/*"]),
    "valgrind": (["valgrind/*"], ["tests/bench/micro/main.c"]),
}

# What the language and the system give to every floor.
SYSTEM = """
assert.h ctype.h errno.h fenv.h float.h inttypes.h iso646.h limits.h locale.h math.h setjmp.h signal.h stdalign.h stdarg.h
stdatomic.h stdbool.h stddef.h stdint.h stdio.h stdlib.h stdnoreturn.h string.h strings.h threads.h time.h uchar.h wchar.h
alloca.h dirent.h dlfcn.h endian.h err.h fcntl.h fnmatch.h ftw.h getopt.h glob.h grp.h ifaddrs.h libgen.h malloc.h net/*
netdb.h netinet/* arpa/* linux/* poll.h pthread.h pwd.h regex.h sched.h spawn.h sys/* syslog.h termios.h ucontext.h
unistd.h immintrin.h sanitizer/*
""".split()

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def matches(path, patterns):
    return any(fnmatch.fnmatchcase(path, pattern) for pattern in patterns)


def floor_of(path):
    """The floor a file of the tree stands on, or None when no rule places it."""
    return next((floor for pattern, floor in PLACES if fnmatch.fnmatchcase(path, pattern)), None)


def room_of(path):
    """The directory whose private headers a file may include."""
    return path.rpartition("/")[0]


def problem_with_own(tree, path, header):
    """header is one of ours: "isobar/room/x.h", or a private one of a room."""
    floor = floor_of(path)
    if (tree / "include" / header).is_file():
        target = "include/" + header
    elif (tree / room_of(path) / header).is_file():
        return None  # beside the file that includes it
    elif (tree / header).is_file():
        target = header
    else:
        return f'includes "{header}", which is not in the tree'
    above = floor_of(target)
    if above is None:
        return f'includes "{header}", which stands on no floor: give its place a floor in tests/floors/floors.py'
    if FLOORS.index(above) > FLOORS.index(floor):
        return f'stands on floor {floor} and includes "{header}" from the floor {above} above it'
    if not target.startswith("include/") and not path.startswith("tests/"):
        return f'includes "{header}", a private header of {room_of(target)}/: make it public in include/isobar/ or leave it'
    return None


def problem_with_library(path, header):
    """header is of the system or of a library."""
    for library, (headers, doors) in DOORS.items():
        if matches(header, headers):
            if matches(path, doors):
                return None
            return f"includes <{header}>: the door of {library} is {' and '.join(doors)}, call what stands there"
    if matches(header, SYSTEM):
        return None
    return f"includes <{header}>, a library without a door: give it one in tests/floors/floors.py and docs/dependencies.md"


def problems(tree):
    """(path, line, sentence) for each #include that breaks a rule."""
    tree = pathlib.Path(tree)
    top = ["include", "lib", "server", "probes", "control", "tools", "tests"]
    sources = sorted(file for directory in top for file in (tree / directory).rglob("*.[ch]"))
    if not sources:
        yield str(tree), 0, "no C source here: give the directory that holds lib/ and include/"
    for file in sources:
        path = file.relative_to(tree).as_posix()
        if floor_of(path) is None:
            yield path, 1, "stands on no floor: give its place a floor in tests/floors/floors.py"
            continue
        for number, text in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            found = INCLUDE.match(text)
            if not found:
                continue
            quoted = found[1] == '"'
            sentence = problem_with_own(tree, path, found[2]) if quoted else problem_with_library(path, found[2])
            if sentence:
                yield path, number, sentence


def main(arguments):
    tree = arguments[0] if arguments else pathlib.Path(__file__).resolve().parents[2]
    broken = list(problems(tree))
    for path, number, sentence in broken:
        print(f"{path}:{number}: {sentence}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
