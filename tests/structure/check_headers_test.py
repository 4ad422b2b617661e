#!/usr/bin/python3
# SPDX-License-Identifier: BSL-1.0
"""tests/structure/check_headers_test.py: check_headers.py finds the headers that do not compile alone, and no others.

    check_headers_test.py COMPILER
"""

import pathlib
import sys
import tempfile
import unittest

import check_headers

COMPILER = sys.argv.pop(1)


class CheckHeaders(unittest.TestCase):
    def complaints(self, **contents):
        with tempfile.TemporaryDirectory() as folder:
            for name, content in contents.items():
                (pathlib.Path(folder) / f"{name}.hpp").write_text(content)
            count, complaints = check_headers.check(pathlib.Path(folder), [COMPILER, "-std=c++20", "-Wall", "-Werror"])
            self.assertEqual(count, len(contents))
            return complaints

    def test_headers_that_stand_alone(self):
        self.assertEqual(self.complaints(one="struct one {};", two="#include <one.hpp>\ninline one make() { return {}; }"), [])

    def test_a_header_that_needs_another_before_it(self):
        found = self.complaints(one="struct one {};", two="inline one make() { return {}; }")
        self.assertEqual(len(found), 1)
        self.assertTrue(found[0].startswith("two.hpp does not compile alone:"), found)

    def test_a_warning_of_ours(self):
        self.assertEqual(len(self.complaints(one="inline int one() { int unused; return 1; }")), 1)

    def test_no_header_at_all(self):
        with tempfile.TemporaryDirectory() as folder, self.assertRaises(SystemExit):
            check_headers.check(pathlib.Path(folder), [COMPILER])


if __name__ == "__main__":
    unittest.main()
