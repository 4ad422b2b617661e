#!/usr/bin/python3
# SPDX-License-Identifier: BSL-1.0
"""tests/structure/check_acceptance_test.py: proves that check_acceptance.py catches what it is meant to catch."""

import pathlib
import tempfile
import unittest

import check_acceptance

PROMISES = {"TK001": "a", "TK002": "b", "TL001": "c", "TL002": "d", "T4": "e"}
TESTS = {name: ["place:1"] for name in PROMISES}


def found(problems):
    return [str(problem) for problem in problems]


class Places(unittest.TestCase):
    def places(self, **files):
        with tempfile.TemporaryDirectory() as name:
            root = pathlib.Path(name)
            for path, text in files.get("files", {}).items():
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_text(text, encoding="utf-8")
            return check_acceptance.find_tests(root)

    def of_cpp(self, text):
        return self.places(files={"tests/core/a_test.cpp": text})

    def test_tags_and_titles_name_ids(self):
        text = '\nTEST_CASE("a title (TK003, T4)",\n          "[core][TK001][TK002]") {\n}\n'
        line = ["tests/core/a_test.cpp:2"]
        self.assertEqual(self.of_cpp(text), {name: line for name in ("TK003", "T4", "TK001", "TK002")})

    def test_an_id_outside_of_the_head_of_a_test_is_none(self):
        self.assertEqual(self.of_cpp('TEST_CASE("title", "[core]") {\n    values[T1]; f("[TK001]");\n}\n'), {})

    def test_a_test_that_is_commented_out_is_none(self):
        self.assertEqual(self.of_cpp('// TEST_CASE("title", "[TK001]") {\n/* TEST_CASE("b", "[TK002]") { */\n'), {})

    def test_a_test_that_is_not_run_or_may_fail_is_none(self):
        for tag in ("[.]", "[.slow]", "[!mayfail]", "[!shouldfail]"):
            self.assertEqual(self.of_cpp(f'TEST_CASE("title", "[TK001]{tag}") {{\n}}\n'), {})

    def test_a_tag_in_the_form_of_an_id_is_kept_to_be_complained_about(self):
        self.assertEqual(list(self.of_cpp('TEST_CASE("title", "[XY001]") {\n}\n')), ["XY001"])

    def test_laws_scenarios_and_tests_in_python_name_ids(self):
        places = self.places(files={
            "include/aioxx/testing/check_all.hpp": "void law(T2);  // [L1] and T3\n{\"a law (T1)\", law}\n",
            "include/aioxx/testing/other.hpp": "// [L2]\n",
            "tests/differential/tasks.py": "# [TK001]\n# TK002 is no mark\n",
            "tests/differential/tasks.cpp": "// [TK003]\n",
            "tests/integration/a_test.py": "# [TK004]\n",
            "tests/structure/check_test.py": "# [TK005]\n",
        })
        self.assertEqual(sorted(places), ["L1", "T1", "TK001", "TK003", "TK004"])


class Checks(unittest.TestCase):
    def problems(self, tests=TESTS, reasons=None, still_open=None):
        return found(check_acceptance.check_tests(PROMISES, tests, reasons or {}, still_open or {}))

    def without(self, *names):
        return {name: places for name, places in TESTS.items() if name not in names}

    def test_everything_tested_is_fine(self):
        self.assertEqual(self.problems(), [])

    def test_a_promise_without_a_test(self):
        self.assertEqual(self.problems(self.without("TK002")), ["TK002: no test: b"])

    def test_a_reason_or_an_open_feature_excuses(self):
        self.assertEqual(self.problems(self.without("TK002"), reasons={"TK002": "why"}), [])
        self.assertEqual(self.problems(self.without("TL001", "TL002"), still_open={"TL001-TL002": "TLS"}), [])

    def test_an_excuse_that_is_no_longer_needed(self):
        self.assertEqual(self.problems(reasons={"TK002": "why"}),
                         ["TK002: has a test now (place:1): take it off REASONS"])
        self.assertEqual(self.problems(self.without("TL001"), still_open={"TL001-TL002": "TLS"}),
                         ["TL002: has a test now (place:1): take it off OPEN"])

    def test_two_excuses(self):
        self.assertEqual(self.problems(self.without("TL001"), reasons={"TL001": "why"}, still_open={"TL001": "TLS"}),
                         ["TL001: is in OPEN and in REASONS: one of them is enough"])

    def test_the_core_is_never_put_off(self):
        self.assertEqual(self.problems(self.without("TK001"), still_open={"TK001": "later"}),
                         ["TK001: belongs to the core and is never put off: write its test"])

    def test_unknown_ids(self):
        self.assertEqual(self.problems({**TESTS, "TK003": ["place:2"]}),
                         ["TK003: is not in acceptance.txt, but place:2 names it"])
        self.assertEqual(self.problems(reasons={"TK003": "why"}), ["TK003: is in REASONS, but not in acceptance.txt"])

    def test_the_list_of_promises_is_complete(self):
        promises = {check_acceptance.id_of(prefix, number): "meaning"
                    for prefix, count in check_acceptance.AREAS.items() for number in range(1, count + 1)}
        self.assertEqual(found(check_acceptance.check_promises(promises)), [])
        del promises["LK003"]
        promises["LK024"] = "meaning"
        self.assertEqual(found(check_acceptance.check_promises(promises)),
                         ["LK003: say in acceptance.txt what it promises",
                          "LK024: is in acceptance.txt, but not in AREAS"])

    def test_ranges(self):
        self.assertEqual(check_acceptance.expand("TL009-TL011"), ["TL009", "TL010", "TL011"])
        self.assertEqual(check_acceptance.expand("T9-T10"), ["T9", "T10"])
        self.assertEqual(check_acceptance.expand("S5"), ["S5"])

    def test_reading(self):
        self.assertEqual(check_acceptance.read_promises("# TK000 no\n\nTK001 one thing\nT4 another: one\n"),
                         {"TK001": "one thing", "T4": "another: one"})


if __name__ == "__main__":
    unittest.main()
