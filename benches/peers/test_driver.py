"""What the driver makes of figures: python3 benches/peers/test_driver.py. Nothing is measured here."""

import contextlib
import io
import os
import stat
import sys
import tempfile
import unittest
import xml.etree.ElementTree as xml
from unittest import mock

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

import judge  # noqa: E402
import machine  # noqa: E402
import plot  # noqa: E402
import report  # noqa: E402
import roster  # noqa: E402
import runs  # noqa: E402


def harness(folder, peer, script):
    path = os.path.join(folder, peer)
    with open(path, "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\n" + script)
    os.chmod(path, stat.S_IRWXU)


class Judging(unittest.TestCase):
    def test_excess_is_one_when_nothing_changed(self):
        self.assertAlmostEqual(judge.excess({"a": [2.0, 2.0, 9.0], "b": [0.5]}, {"a": 2.0, "b": 0.5}), 1.0)

    def test_ours_twice_as_slow_is_an_excess_of_two(self):
        self.assertAlmostEqual(judge.excess({"a": [4.0], "b": [1.0]}, {"a": 2.0, "b": 0.5}), 2.0)

    def test_one_peer_with_a_bad_minute_does_not_decide_alone(self):
        self.assertLess(judge.excess({"a": [4.0], "b": [0.5], "c": [1.0]}, {"a": 2.0, "b": 0.5, "c": 1.0}), 1.6)

    def test_a_peer_that_is_not_built_is_left_out(self):
        self.assertAlmostEqual(judge.excess({"a": [2.0], "b": []}, {"a": 2.0, "b": 0.5}), 1.0)
        self.assertIsNone(judge.excess({}, {"a": 2.0}))

    def test_within_the_margin_passes_at_once(self):
        self.assertEqual(judge.verdict([(1.59, False)], 1.6), "ok")

    def test_above_the_margin_is_measured_again_twice_and_then_fails(self):
        self.assertEqual(judge.verdict([(1.7, False)], 1.6), "again")
        self.assertEqual(judge.verdict([(1.7, False)] * 2, 1.6), "again")
        self.assertEqual(judge.verdict([(1.7, False)] * 3, 1.6), "failed")

    def test_one_good_measurement_of_three_passes(self):
        self.assertEqual(judge.verdict([(9.0, False), (9.0, False), (1.5, True)], 1.6), "ok")

    def test_a_noisy_machine_fails_only_a_gross_excess(self):
        self.assertEqual(judge.verdict([(1.7, True)] * 3, 1.6), "undecided")
        self.assertEqual(judge.verdict([(3.3, True)] * 3, 1.6), "failed")

    def test_without_one_of_ours_nothing_passes(self):
        self.check_without("ours-handle", "", 1)

    def test_without_a_peer_nothing_passes_where_no_tool_may_be_missing(self):
        self.check_without("tbb", "true", 1)
        self.check_without("tbb", "", 0)

    def test_limits_are_not_written_without_everybody(self):
        with tempfile.TemporaryDirectory() as folder, self.assertRaisesRegex(SystemExit, "not built: .*tbb"):
            judge.update(folder)

    def check_without(self, peer, ci, status):
        everybody = {name for _, ours, peers in judge.PLAN.values() for name in ours + peers}
        said = io.StringIO()
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(said):
            for name in everybody - {peer}:
                harness(folder, name, 'echo \'{"figure": 1, "mutex_ns": 1, "version": "1"}\'\n')
            small = [mock.patch.object(runs, "MEMORY", len(runs.PAGES)), mock.patch.object(judge, "ROUNDS", 1)]
            with mock.patch.dict(os.environ, CI=ci), small[0], small[1]:
                self.assertEqual(judge.check(folder), status, said.getvalue())
        self.assertIn(f"check-speed: not built: {peer}\n", said.getvalue())

    def test_limits_name_what_is_planned(self):
        with open(judge.LIMITS, encoding="utf-8") as file:
            limits = judge.json.load(file)
        for name, ours in limits["ratios"].items():
            self.assertIn(name, judge.PLAN)
            for own, peers in ours.items():
                self.assertIn(own, judge.PLAN[name][1])
                self.assertLessEqual(set(peers), set(judge.PLAN[name][2]))
                self.assertTrue(all(ratio > 0 for ratio in peers.values()))
        self.assertEqual(set(limits["ratios"]), set(judge.PLAN))


class Running(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def alternate(self, rounds, seed=1):
        order = os.path.join(self.folder, "order")
        for peer, figure in (("ours-name", 10), ("tbb", 5), ("mutex", 20)):
            harness(self.folder, peer, f'echo {peer} >>{order}\necho \'{{"figure": {figure}, "version": "1"}}\'\n')
        workload = roster.Workload("W1", "", "ns", 99, ())
        peers = ["ours-name", "tbb", "mutex"]
        series = runs.alternate(self.folder, [workload], peers, seed, lambda: None, rounds=rounds, quiet=True)
        with open(order, encoding="utf-8") as file:
            lines = file.read().split()
        os.remove(order)
        return series, [tuple(lines[at : at + 3]) for at in range(0, len(lines), 3)]

    def test_each_round_runs_every_peer_once(self):
        _, rounds = self.alternate(6)
        self.assertEqual(len(rounds), 6)
        self.assertTrue(all(sorted(its) == ["mutex", "ours-name", "tbb"] for its in rounds))
        self.assertGreater(len(set(rounds)), 1)

    def test_the_seed_decides_the_order(self):
        self.assertEqual(self.alternate(6, 3)[1], self.alternate(6, 3)[1])
        self.assertNotEqual(self.alternate(6, 3)[1], self.alternate(6, 4)[1])

    def test_ratios_are_those_of_the_same_round(self):
        series = runs.Series()
        for ours, its in ((10, 20), (100, 50), (10, 30)):
            series.add("W1", "ours-name", {"figure": ours})
            series.add("W1", "tbb", {"figure": its})
        self.assertEqual(series.summary("W1", "tbb", "ours-name")["ratio"], 2.0)

    def test_a_harness_that_fails_is_a_failure_and_no_figure(self):
        harness(self.folder, "tbb", "echo out of order >&2\nexit 1\n")
        with self.assertRaisesRegex(runs.Failed, "out of order"):
            runs.run(self.folder, "tbb", ["W1"])
        harness(self.folder, "tbb", "echo nothing\n")
        with self.assertRaisesRegex(runs.Failed, "JSON"):
            runs.run(self.folder, "tbb", ["W1"])

    def test_a_round_in_which_one_failed_has_no_ratio(self):
        series = runs.Series()
        series.add("W1", "ours-name", {"figure": 10})
        series.fail("W1", "tbb", "lost")
        series.add("W1", "ours-name", {"figure": 10})
        series.add("W1", "tbb", {"figure": 30})
        self.assertEqual(series.ratios("W1", "tbb", "ours-name"), [3.0])
        self.assertEqual(series.failures, ["lost"])

    def test_a_dash_keeps_its_reason(self):
        series = runs.Series()
        series.add("W7", "tbb", {"dash": "it has no timers"})
        self.assertIsNone(series.summary("W7", "tbb", "ours-name"))
        self.assertEqual(series.dashes["W7"]["tbb"], "it has no timers")


class Noise(unittest.TestCase):
    def quiet(self):
        its = machine.Machine("")
        its.load, its.others = 0.0, lambda: 0.0
        its.mutexes, its.wakes = [9.0, 9.1, 9.0, 9.2], [4.0, 4.2, 4.1, 4.0]
        return its

    def test_a_quiet_machine_has_no_complaint(self):
        self.assertEqual(self.quiet().verdict(), [])

    def test_each_kind_of_noise_is_named(self):
        for change, word in (
            ({"load": 99.0}, "load average"),
            ({"others": lambda: 0.5}, "other programs"),
            ({"mutexes": [9.0, 9.0, 20.0, 20.0]}, "mutex"),
            ({"wakes": [4.0, 4.0, 20.0, 20.0]}, "futex"),
        ):
            its = self.quiet()
            for name, value in change.items():
                setattr(its, name, value)
            self.assertEqual(len(its.verdict()), 1, change)
            self.assertIn(word, its.verdict()[0])


class Reporting(unittest.TestCase):
    data = {
        "machine": {"processors": 2, "model": "X", "noisy": []},
        "workloads": {"W1": {"unit": "ns"}, "W8": {"unit": "wake-ups"}},
        "versions": {"tbb": "1"},
        "dashes": {"W8": {"tbb": "a <reason>"}},
        "summary": {
            "W1": {
                "ours-name": {"median": 40.0, "min": 35.0, "max": 60.0, "ratio": 1.0},
                "tbb": {"median": 80.0, "min": 70.0, "max": 900.0, "ratio": 2.0},
            },
            "W8": {"ours-name": {"median": 0, "min": 0, "max": 0, "ratio": None}},
        },
    }

    def test_the_plot_is_xml_with_a_panel_for_each_workload(self):
        tree = xml.fromstring(plot.svg(self.data))
        titles = [one.text for one in tree.iter("{http://www.w3.org/2000/svg}text") if one.get("class") == "title"]
        self.assertEqual([title.split(":")[0] for title in titles], ["W1", "W8"])

    def test_the_axis_is_logarithmic(self):
        self.assertEqual([round(tick) for tick in plot.ticks(9, 1100)], [10, 100, 1000])
        self.assertEqual([round(tick) for tick in plot.ticks(9, 60)], [10, 20, 50])

    def test_the_block_has_medians_ratios_and_reasons(self):
        block = report.markdown(self.data)
        self.assertIn("| ours by name | 40 | 0 |", block)
        self.assertIn("| oneTBB +KQ | 80 (2.00) | – |", block)
        self.assertIn("oneTBB +KQ, W8: a <reason>.", block)

    def test_a_noisy_run_says_so_in_the_block(self):
        noisy = {**self.data, "machine": {**self.data["machine"], "noisy": ["load"]}}
        self.assertIn("too noisy", report.markdown(noisy))

    def test_only_what_is_between_the_marks_is_rewritten(self):
        with tempfile.TemporaryDirectory() as folder:
            page = os.path.join(folder, "page.md")
            with open(page, "w", encoding="utf-8") as file:
                file.write(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
            report.update_docs(page, "new \\1")
            with open(page, encoding="utf-8") as file:
                self.assertEqual(file.read(), f"before\n{report.BEGIN}\nnew \\1\n{report.END}\nafter\n")
            with open(page, "w", encoding="utf-8") as file:
                file.write("no marks\n")
            with self.assertRaises(SystemExit):
                report.update_docs(page, "new")


if __name__ == "__main__":
    unittest.main()
