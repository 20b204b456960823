#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The rules of floors.py, each broken once in a small tree."""
import pathlib
import tempfile
import unittest

import floors


class Floors(unittest.TestCase):
    def broken(self, **files):
        """What floors.py says of a tree of these files; in the names, __ is a slash and a final _c or _h the ending."""
        with tempfile.TemporaryDirectory() as directory:
            for name, text in files.items():
                path = pathlib.Path(directory, name[:-2].replace("__", "/") + "." + name[-1])
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            return [f"{path}:{line}: {sentence}" for path, line, sentence in floors.problems(directory)]

    def assert_says(self, said, *words):
        self.assertEqual(len(said), 1, said)
        for word in words:
            self.assertIn(word, said[0])

    def test_a_file_may_include_its_own_floor_and_below(self):
        self.assertEqual(
            self.broken(
                include__isobar__base__buf_h="#include <stddef.h>\n",
                include__isobar__view__view_h='#include "isobar/base/buf.h"\n',
                lib__view__view_c='#include "isobar/view/view.h"\n#include "own.h"\n#include <sys/mman.h>\n',
                lib__view__own_h="",
            ),
            [],
        )

    def test_a_higher_floor_is_refused_with_file_line_and_both_floors(self):
        said = self.broken(
            include__isobar__dns__respond_h="", lib__view__view_c='\n\n#include "isobar/dns/respond.h"\n'
        )
        self.assert_says(said, "lib/view/view.c:3:", "floor view", "floor dns above it")

    def test_a_header_counts_like_a_source(self):
        said = self.broken(include__isobar__view__view_h="", include__isobar__base__buf_h='# include "isobar/view/view.h"\n')
        self.assert_says(said, "include/isobar/base/buf.h:1:", "floor view above it")

    def test_a_library_outside_its_door_is_refused_and_the_door_named(self):
        said = self.broken(lib__view__compile_c="#include <lmdb.h>\n")
        self.assert_says(said, "lib/view/compile.c:1:", "the door of LMDB is", "lib/store/env*.c")

    def test_a_library_through_its_door_is_fine(self):
        self.assertEqual(self.broken(lib__store__env_c="#include <lmdb.h>\n"), [])

    def test_a_public_header_shows_no_library(self):
        said = self.broken(include__isobar__store__env_h="#include <lmdb.h>\n")
        self.assert_says(said, "include/isobar/store/env.h:1:", "LMDB")

    def test_a_library_without_a_door_is_refused(self):
        self.assert_says(self.broken(lib__base__log_c="#include <glib.h>\n"), "<glib.h>", "without a door")

    def test_a_private_header_of_another_room_is_refused(self):
        said = self.broken(lib__base__private_h="", lib__view__view_c='#include "lib/base/private.h"\n')
        self.assert_says(said, "a private header of lib/base/")

    def test_the_programs_do_not_reach_into_each_other(self):
        said = self.broken(server__udp_h="", probes__check_c='#include "server/udp.h"\n')
        self.assert_says(said, "a private header of server/")

    def test_a_unit_test_stands_on_the_floor_of_its_room(self):
        said = self.broken(
            include__isobar__dns__edns_h="",
            tests__unit__model__test_rr_c='#include <cmocka.h>\n#include "isobar/dns/edns.h"\n',
        )
        self.assert_says(said, "tests/unit/model/test_rr.c:2:", "floor dns above it")

    def test_a_file_without_a_floor_is_refused(self):
        self.assert_says(self.broken(lib__magic__wand_c=""), "lib/magic/wand.c:1:", "stands on no floor")

    def test_a_header_that_is_not_there_is_refused(self):
        self.assert_says(self.broken(lib__base__log_c='#include "isobar/base/lag.h"\n'), "not in the tree")

    def test_a_directory_without_sources_does_not_pass(self):
        self.assert_says(self.broken(), "no C source here")


if __name__ == "__main__":
    unittest.main()
