#!/usr/bin/python3
# SPDX-License-Identifier: BSL-1.0
"""tests/structure/check_structure_test.py: proves that check_structure.py catches what it is meant to catch.

Each test makes a small tree that keeps every rule, spoils one file, and expects exactly one complaint.
"""

import pathlib
import tempfile
import unittest

import check_structure

HEAD = "// SPDX-License-Identifier: BSL-1.0\n#pragma once\n\n"

GOOD = {
    "include/aioxx/base/error.hpp": HEAD + "// base/error.hpp: errors.\n\nnamespace aioxx {}\n",
    "include/aioxx/buffer/find.hpp": HEAD + "// buffer/find.hpp: search.\n\n#include <aioxx/base/error.hpp>\n",
    "include/aioxx/buffer/view.hpp": HEAD + "// buffer/view.hpp: views.\n",
    "include/aioxx/core/loop.hpp": HEAD + "// core/loop.hpp: loop.\n",
    "include/aioxx/version.hpp": HEAD + "// version.hpp: version.\n",
    "include/aioxx/base.hpp": HEAD + "// base.hpp: all.\n\n#include <aioxx/base/error.hpp>\n",
    "include/aioxx/buffer.hpp": HEAD + "// buffer.hpp: all.\n\n#include <aioxx/buffer/find.hpp>\n"
                                       "#include <aioxx/buffer/view.hpp>\n",
    "include/aioxx/core.hpp": HEAD + "// core.hpp: all.\n\n#include <aioxx/core/loop.hpp>\n",
    "include/aioxx/aioxx.hpp": HEAD + "// aioxx.hpp: all.\n\n#include <aioxx/base.hpp>\n#include <aioxx/buffer.hpp>\n"
                                      "#include <aioxx/core.hpp>\n#include <aioxx/version.hpp>\n",
}
for folder_and_name in ["base/error", "buffer/find", "buffer/view", "core/loop"]:
    GOOD[f"tests/{folder_and_name}_test.cpp"] = (
        f"// SPDX-License-Identifier: BSL-1.0\n#include <aioxx/{folder_and_name}.hpp>\n")

GOOD["tests/CMakeLists.txt"] = "aioxx_test(base)\naioxx_test(buffer)\naioxx_test(core NEEDS nothing)\n"

FIND = "include/aioxx/buffer/find.hpp"
LOOP = "include/aioxx/core/loop.hpp"


class CheckStructure(unittest.TestCase):
    def problems(self, **changes):
        with tempfile.TemporaryDirectory() as name:
            root = pathlib.Path(name)
            for path, text in {**GOOD, **changes.get("files", {})}.items():
                if text is not None:
                    (root / path).parent.mkdir(parents=True, exist_ok=True)
                    (root / path).write_text(text, encoding="utf-8")
            return [f"{found.path}:{found.line}: {found.rule}" for found in check_structure.check(root)]

    def added(self, path, line):
        """The complaints after one line was added at the end of a file; that is line `last` of it."""
        return self.problems(files={path: GOOD[path] + line + "\n"})

    def test_a_good_tree_has_no_problems(self):
        self.assertEqual(self.problems(), [])

    def test_an_include_that_points_upward(self):
        self.assertEqual(self.added(FIND, "#include <aioxx/core/loop.hpp>"), [f"{FIND}:7: layer"])

    def test_a_folder_without_a_layer(self):
        path = "include/aioxx/misc/thing.hpp"
        found = self.problems(files={path: HEAD + "// misc/thing.hpp: thing.\n"})
        self.assertIn(f"{path}:1: layer", found)

    def test_an_umbrella_inside_the_library(self):
        self.assertEqual(self.added(FIND, "#include <aioxx/base.hpp>"), [f"{FIND}:7: include"])

    def test_a_header_that_does_not_exist(self):
        self.assertEqual(self.added(FIND, "#include <aioxx/base/none.hpp>"), [f"{FIND}:7: include"])

    def test_a_quoted_include(self):
        self.assertEqual(self.added(FIND, '#include "view.hpp"'), [f"{FIND}:7: include"])

    def test_asio_outside_the_backend(self):
        self.assertEqual(self.added(LOOP, "#include <asio/io_context.hpp>"), [f"{LOOP}:5: confined"])

    def test_openssl_outside_tls(self):
        self.assertEqual(self.added(LOOP, "#include <openssl/evp.h>"), [f"{LOOP}:5: confined"])

    def test_zlib_outside_deflate(self):
        self.assertEqual(self.added(LOOP, "#include <zlib.h>"), [f"{LOOP}:5: confined"])

    def test_a_coroutine_in_a_pure_folder(self):
        self.assertEqual(self.added(FIND, "#include <coroutine>"), [f"{FIND}:7: pure"])
        self.assertEqual(self.added(LOOP, "#include <coroutine>"), [])

    def test_a_circle_of_includes(self):
        path = "include/aioxx/buffer/view.hpp"
        found = self.problems(files={
            FIND: GOOD[FIND] + "#include <aioxx/buffer/view.hpp>\n",
            path: GOOD[path] + "#include <aioxx/buffer/find.hpp>\n",
        })
        self.assertEqual(found, [f"{path}:5: cycle"])

    def test_a_header_without_a_test(self):
        self.assertEqual(self.problems(files={"tests/buffer/find_test.cpp": None}), [f"{FIND}:1: mirror"])

    def test_a_test_without_a_header(self):
        path = "tests/buffer/lost_test.cpp"
        self.assertEqual(self.problems(files={path: check_structure.LICENSE_LINE + "\n"}), [f"{path}:1: mirror"])

    def test_a_test_that_includes_its_header_late(self):
        path = "tests/buffer/find_test.cpp"
        text = check_structure.LICENSE_LINE + "\n#include <string>\n#include <aioxx/buffer/find.hpp>\n"
        self.assertEqual(self.problems(files={path: text}), [f"{path}:2: mirror"])

    def test_an_umbrella_that_lacks_a_header(self):
        path = "include/aioxx/buffer.hpp"
        text = GOOD[path].replace("#include <aioxx/buffer/find.hpp>\n", "")
        self.assertEqual(self.problems(files={path: text}), [f"{path}:1: umbrella"])

    def test_a_missing_umbrella(self):
        path = "include/aioxx/core.hpp"
        self.assertEqual(self.problems(files={path: None}), [f"{path}:1: umbrella"])

    def test_an_umbrella_with_too_much(self):
        path = "include/aioxx/core.hpp"
        self.assertEqual(self.added(path, "#include <memory>"), [f"{path}:7: umbrella"])

    def test_a_file_without_a_licence_line(self):
        path = "tests/buffer/find_test.cpp"
        self.assertEqual(self.problems(files={path: "#include <aioxx/buffer/find.hpp>\n"}), [f"{path}:1: head"])

    def test_a_header_without_pragma_once(self):
        self.assertEqual(self.problems(files={LOOP: GOOD[LOOP].replace("#pragma once", "")}), [f"{LOOP}:2: head"])

    def test_a_file_comment_that_names_another_file(self):
        self.assertEqual(self.problems(files={LOOP: GOOD[LOOP].replace("core/", "base/")}), [f"{LOOP}:4: head"])

    def test_printing(self):
        self.assertEqual(self.added(LOOP, 'inline void f() { std::printf("x"); }'), [f"{LOOP}:5: printing"])
        self.assertEqual(self.added(LOOP, "// std::cout is not for us"), [])
        self.assertEqual(self.added(LOOP, "inline int f(char* p) { return std::snprintf(p, 0, nullptr); }"), [])

    def test_a_catch_all_that_swallows(self):
        self.assertEqual(self.added(LOOP, "void f() { try { g(); } catch (...) { if (a) { b(); } } }"),
                         [f"{LOOP}:5: catch"])
        self.assertEqual(self.added(LOOP, "void f() { try { g(); } catch (...) { { h(); } throw; } }"), [])

    def test_a_macro(self):
        self.assertEqual(self.added(LOOP, "#define AIOXX_LOOP 1"), [f"{LOOP}:5: macro"])

    def test_an_unfinished_place(self):
        self.assertEqual(self.added(LOOP, "// FIX" + "ME later"), [f"{LOOP}:5: unfinished"])

    def test_a_folder_of_tests_that_is_not_built(self):
        path = "tests/CMakeLists.txt"
        text = GOOD[path].replace("aioxx_test(buffer)", "# aioxx_test(buffer)")
        self.assertEqual(self.problems(files={path: text}),
                         ["tests/buffer/find_test.cpp:1: built", "tests/buffer/view_test.cpp:1: built"])

    def test_a_test_source_that_is_not_built(self):
        path = "tests/fuzz/feed.cpp"
        text = check_structure.LICENSE_LINE + "\n"
        self.assertEqual(self.problems(files={path: text}), [f"{path}:1: built"])
        for command in ["aioxx_fuzz(feed NEEDS tls)", "add_executable(fuzz feed.cpp)"]:
            self.assertEqual(self.problems(files={path: text, "tests/fuzz/CMakeLists.txt": command}), [])

    def test_a_test_script_that_is_not_run(self):
        path = "tests/integration/echo_test.py"
        self.assertEqual(self.problems(files={path: ""}), [f"{path}:1: built"])
        for folder in ["tests", "tests/integration"]:
            lists = f"{folder}/CMakeLists.txt"
            text = GOOD.get(lists, "") + "add_test(NAME echo COMMAND python3 integration/echo_test.py)\n"
            self.assertEqual(self.problems(files={path: "", lists: text}), [])

    def test_two_tests_of_one_name(self):
        case = 'TEST_CASE("a name", "[buffer]") {}\n'
        changes = {path: GOOD[path] + case for path in ["tests/buffer/find_test.cpp", "tests/buffer/view_test.cpp"]}
        self.assertEqual(self.problems(files=changes), ["tests/buffer/view_test.cpp:3: test name"])

    def test_the_missing_includes_of_an_umbrella_are_written(self):
        with tempfile.TemporaryDirectory() as name:
            root = pathlib.Path(name)
            for path, text in GOOD.items():
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_text(text.replace("#include <aioxx/buffer/find.hpp>\n#", "#"), encoding="utf-8")
            self.assertNotEqual(check_structure.check(root), [])
            check_structure.write_umbrellas(root)
            self.assertEqual(check_structure.check(root), [])


if __name__ == "__main__":
    unittest.main()
