"""Write the tables of docs/results.md from the reports in docs/reports: no figure by hand.

    python benchmarks/write_results.py

A table stands between ``<!-- figures: NAME -->`` and ``<!-- end -->``; the text around it is
written by people. The reports are what the `evaluate` commands wrote with --output.
"""

import json
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "results.md"
REPORTS = ROOT / "docs" / "reports"
DETECTORS = ("labelled", "synthetic", "one-class", "paper")

Report = Mapping[str, Any]


def read(name: str) -> Report:
    """One report by its name."""
    report: Report = json.loads((REPORTS / f"{name}.json").read_text(encoding="utf-8"))
    return report


def share(figure: Report, digits: int = 1, sign: str = "") -> str:
    """A share in per cent with its interval, such as ``87.4 [86.2, 88.5]``."""
    return _spread(figure, 100, digits, sign)


def plain(figure: Report, digits: int = 3) -> str:
    """A figure with its interval, as it is."""
    return _spread(figure, 1, digits, "")


def _spread(figure: Report, scale: float, digits: int, sign: str) -> str:
    if "value" not in figure:
        return "-"
    shown = f"{figure['value'] * scale:{sign}.{digits}f}"
    if "low" not in figure:
        return shown
    low, high = (f"{figure[end] * scale:{sign}.{digits}f}" for end in ("low", "high"))
    return f"{shown} [{low}, {high}]"


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


COVERS = {
    "hand": "hand",
    "object": "object",
    "cloth": "cloth",
    "hair": "hair",
    "object, hair, cloth": "object, hair or cloth",
    "sunglasses": "sunglasses",
    "text": "letters",
    "glasses": "clear glasses",
    "glasses or letters only": "clear glasses or letters, and nothing else",
    "shade": "shade",
    "really covered": "**really covered**: hand, object, cloth, hair or sunglasses",
    "nothing": "nothing",
}


def real_covers() -> str:
    """Real covers on FERPlus validation, default detector and recogniser."""
    covers = read("real-occlusion")["covers"]
    rows = []
    for key, name in COVERS.items():
        if key in covers:
            row = covers[key]
            rows.append(
                [
                    name,
                    str(row["n"]),
                    plain(row.get("auroc", {})),
                    share(row["found"], 0),
                    share(row["flagged"], 0),
                    share(row["before"]),
                    share(row["after"]),
                    share(row["after_minus_before"], 1, "+"),
                ]
            )
    head = ["cover", "n", "AUROC of a face", "found at 5 %", "flagged", "read right before"]
    return table([*head, "after", "after minus before, points"], rows)


def real_regions() -> str:
    """The same really covered faces by the region that the detector finds hidden."""
    rows = [
        [
            name.replace("_", " "),
            str(row["n"]),
            *(share(row[key]) for key in ("before", "after")),
            share(row["after_minus_before"], 1, "+"),
        ]
        for name, row in read("real-occlusion")["regions"].items()
    ]
    head = ["region, half hidden and more", "n", "read right before", "after"]
    return table([*head, "after minus before, points"], rows)


def real_types() -> str:
    """What hides most of a face, as two looks and as the detector have it."""
    counts = read("real-occlusion")["types"]
    said = list(counts["nothing"])
    rows = [[name, *(str(row[other]) for other in said)] for name, row in counts.items()]
    return table(["by both looks; said to be", *said], rows)


def real_patches() -> str:
    """AUROC of the patches of outlined hands."""
    found = read("real-occlusion")["patches"]
    return f"{plain(found['auroc'])}, n = {found['n']} faces"


def recognition() -> str:
    """FERPlus validation, clean and behind objects."""
    report, rows = read("recognition"), []
    for kind, name in (("clean", "clean"), ("objects", "with `val` objects, seed 7")):
        for key, title, show in (
            ("accuracy", "accuracy, %", share),
            ("macro_recall", "macro recall, %", share),
            ("brier", "Brier score", plain),
            ("ece", "ECE, 15 bins", plain),
        ):
            pair = [report[kind][side][key] for side in ("repaired", "as_it_came")]
            cells = [show(one) if isinstance(one, Mapping) else f"{one:.3f}" for one in pair]
            rows.append([name, title, str(report["n"]), *cells])
    return table(["faces", "figure", "n", "fused (the answer)", "as it came"], rows)


def recognition_differences() -> str:
    """The answer against the same network on the face as it came, paired."""
    report, rows = read("recognition"), []
    for kind, name in (("clean", "clean"), ("objects", "with `val` objects")):
        part = report[kind]
        gain = share(part["repaired_minus_as_it_came"], 2, "+")
        rows.append([name, str(report["n"]), gain, f"{part['share_of_faces_repaired']:.0%}"])
    return table(["faces", "n", "difference, points", "faces repaired"], rows)


def recognition_recall() -> str:
    """Recall by label, clean and behind objects."""
    report = read("recognition")
    rows = [
        [
            label,
            str(count),
            *(
                _per_cent(report[kind]["repaired"]["recall"][label])
                for kind in ("clean", "objects")
            ),
        ]
        for label, count in report["count_by_label"].items()
    ]
    return table(["label", "n", "clean", "with objects"], rows)


def _per_cent(figure: Any) -> str:
    value = figure["value"] if isinstance(figure, Mapping) else figure
    return f"{value:.0%}".replace("%", " %")


def other_source() -> str:
    """LFW, three labels."""
    found = read("recognition")["other_source"]
    rows = [
        [name, str(found["n"]), share(found[key])]
        for key, name in (("accuracy", "accuracy, %"), ("macro_recall", "macro recall, %"))
    ]
    return table(["figure", "n", "value"], rows)


FIGURES: Mapping[str, tuple[str, Callable[[Report], str]]] = {
    "auroc": ("patch AUROC", plain),
    "average_precision": ("average precision", plain),
    "accuracy": ("accuracy at the threshold, both copies, %", share),
    "precision": ("precision, %", share),
    "recall": ("recall, %", share),
    "false_positive_share_clean": (
        "marked on clean copies, %",
        lambda figure: share(figure, 2),
    ),
}


def detection() -> str:
    """All families on pasted objects."""
    reports, rows = [read(f"detection-{name}") for name in DETECTORS], []
    for key, (name, show) in FIGURES.items():
        for kind in ("colour", "grey"):
            cells = [show(report[kind][key]) for report in reports]
            rows.append([name, kind, str(reports[0][kind]["n"]), *cells])
    for key in ("auroc", "precision", "false_positive_share_clean"):
        name, show = FIGURES[key]
        cells = [show(report["colour"]["without_streaks"][key]) for report in reports]
        n = str(reports[0]["colour"]["without_streaks"]["n"])
        rows.append([f"{name}, replicated border left out", "colour", n, *cells])
    return table(["figure", "faces", "n", *(f"`{name}`" for name in DETECTORS)], rows)


def masked() -> str:
    """Real masks and sunglasses in colour."""
    rows = []
    for cover in ("mask", "sunglasses"):
        for name in DETECTORS:
            found = read(f"detection-{name}")[cover]
            pairs = [found, found["at_thresholds"]]
            cells = [share(part[key]) for part in pairs for key in ("found", "marked_elsewhere")]
            rows.append([cover, str(found["n"]), f"`{name}`", *cells])
    head = ["cover", "n", "detector", "hidden patches found, %", "marked where nothing hides, %"]
    return table([*head, "found at its own threshold, %", "marked elsewhere, at its own, %"], rows)


def groups() -> str:
    """The default detector by group of people."""
    report, rows = read("detection-labelled"), []
    for kind in ("colour", "grey"):
        for name, found in report[kind]["by_group"].items():
            if not name.startswith(("occluder", "coverage")):
                rows.append(
                    [
                        f"{name}, grey" if kind == "grey" else name,
                        str(found["n"]),
                        plain(found["auroc"]),
                        share(found["recall"], 0),
                        share(found["false_positive_share_clean"], 2),
                    ]
                )
    return table(["group", "n", "AUROC", "recall, %", "false positives, clean, %"], rows)


def occluders() -> str:
    """The default detector by category of object and by coverage."""
    report, rows = read("detection-labelled"), []
    for name in report["colour"]["by_group"]:
        if name.startswith(("occluder", "coverage")):
            cells = []
            for kind in ("colour", "grey"):
                found = report[kind]["by_group"][name]
                cells += [f"{plain(found['auroc'])} ({found['n']})", share(found["recall"], 0)]
            rows.append([name.removeprefix("occluder: ").replace("_", " "), *cells])
    return table(["", "colour: AUROC (n)", "recall, %", "grey: AUROC (n)", "recall, %"], rows)


IN_TABLE_1 = {
    "paper": "`paper`",
    "one_class_svm": "one-class SVM, latents",
    "patch_svdd": "Patch-SVDD, pixels",
    "gaussian_pixels": "Gaussian for each place, pixels",
    "gaussian_latents": "Gaussian for each place, latents",
}
AT_THRESHOLD = ("accuracy", "precision", "recall", "false_positive_share_clean")


def table1() -> str:
    """All detectors and baselines on the same patches of the same faces."""
    found, rows = read("evaluation/table1/summary")["details"]["detectors"], []
    default = next(iter(found))
    for kind in ("colour", "grey"):
        for name, one in found.items():
            row = one[kind]
            title = IN_TABLE_1.get(name, f"`{name}`") + (" (default)" if name == default else "")
            cells = [plain(row[key]) for key in ("auroc", "average_precision")]
            for key in ("default_better_by", "one_class_better_by"):
                for ending in ("", "_average_precision"):
                    cells.append(plain(row[key + ending]) if key in row else "")
            rows.append([kind, title, *cells, *(share(row[key]) for key in AT_THRESHOLD)])
            if "by_radius" in row:
                at_radius = [share(row["by_radius"][key]) for key in AT_THRESHOLD]
                rows.append([kind, f"{title}, by its radius", *[""] * 6, *at_radius])
    head = ["faces", "detector", "AUROC", "average precision", "default minus this, AUROC"]
    head += ["average precision", "`one-class` minus this, AUROC", "average precision"]
    head += ["accuracy, %", "precision, %", "recall, %", "marked on clean copies, %"]
    return table(head, rows)


def report_page() -> str:
    """The report of 5,000 faces in Chromium."""
    found = read("report-page")
    kinds = [found[name] for name in ("every_face_with_a_picture", "as_it_comes")]
    rows = [
        [name, wanted, *(show(kind) for kind in kinds)]
        for name, wanted, show in (
            ("faces with a picture", "-", lambda kind: f"{kind['pictures']:,}"),
            ("size, MB", "< 30", lambda kind: f"{kind['megabytes']:.1f}"),
            ("opens in, s: median (slowest)", "< 2", _opened),
            ("lines on the console", "0", lambda kind: str(kind["lines_on_the_console"])),
            ("a filter changes all of it in, ms", "-", lambda kind: str(kind["filtered_ms"])),
            ("made in, s of one core", "-", lambda kind: f"{kind['made_processor_s']:.1f}"),
        )
    ]
    return table(["figure", "wanted", "a picture of every face", "as it comes"], rows)


def _opened(kind: Report) -> str:
    return f"{kind['opened_s']:.2f} ({kind['opened_slowest_s']:.2f})"


def any_file() -> str:
    """Damaged, odd and turned files."""
    report = read("any-file")
    found, suite, turned, cut = (report[k] for k in ("malformed", "pngsuite", "turned", "cut"))
    whole, n = report["whole"], found["files"]
    ways = [turned["as_it_is"], turned["with_a_cup"]]
    slow = f"{found['slowest_s'][0]}; {found['decoder_peak_mib']:.0f}"
    off = f"{len(suite['good_but_off'])}; {len(suite['bad_but_read'])}"
    expressions = " and ".join(str(len(way["expressions"])) for way in ways)
    spread = " and ".join(f"{way['largest_difference_of_a_probability']:.3f}" for way in ways)
    rows: list[tuple[str, int, Any]] = [
        ("malformed: read or refused, unlike their list", n, len(found["not_as_wanted"])),
        ("malformed: slowest, s; peak memory of their process, MiB", n, slow),
        ("malformed: rows that `predict` wrote", n, found["predict"]["rows"]),
        ("PngSuite: good files off by more than a level; bad ones read", 175, off),
        ("EXIF orientations, without and with a cup: expressions", 8, expressions),
        ("EXIF orientations: largest difference of a probability", 8, spread),
        ("cut, with and without end mark, or a hole: read", cut["tried"], len(cut["read"])),
        ("whole files: refused", whole["tried"], len(whole["refused"])),
    ]
    if large := report.get("closeups"):
        told = "faces at 600-4,000 px: not found once"
        rows.append((told, large["faces"], len(large["not_once"])))
    return table(["figure", "n files", "value"], [[str(cell) for cell in row] for row in rows])


def long_runs() -> str:
    """Runs of `predict` that were killed, watched and measured; those that were made."""
    report, rows = read("long-runs"), []
    if found := report.get("killed"):
        told = f"{found['images']} crops, {found['bad']} bad, killed {found['kills']} times: rows"
        same = "" if found["same_rows"] else "**not** "
        rows.append([told, f"{found['rows']}, {same}those of a run that was not"])
    if found := report.get("watched"):
        outside = len(found["written_outside"]) + len(found["left_in_home_and_temporary"])
        told = f"{found['photos']} photos, no CI, empty home: sockets; files elsewhere"
        rows.append([told, f"{len(found['sockets'])}; {outside}"])
    if found := report.get("two"):
        codes = " and ".join(map(str, found["exit_codes"]))
        rows.append(["two runs on one folder, each process number 1: exit codes", codes])
    if found := report.get("start"):
        rows.append(["one photo, from command to end, s, median", str(found["median_s"])])
    if found := report.get("rate"):
        told = f"{found['crops']} crops: rate, of the bare pipeline's; memory, 2nd and last quarter"
        memory = f"{found['second_quarter_mib']:.0f} and {found['last_quarter_mib']:.0f} MiB"
        rows.append([told, f"{found['predict_per_s']}/s, {found['ratio']:.0%}; {memory}"])
    return table(["figure", "value"], rows)


def service() -> str:
    """The service under load; the checks that were made."""
    report, rows = read("service"), []
    if found := report.get("page"):
        told = (
            f"first sight of the answer after the drop, ms: median of {len(found['milliseconds'])}"
        )
        rows.append([told, "300", f"{found['median_ms']} (slowest {max(found['milliseconds'])})"])
    if found := report.get("load"):
        told = f"{found['clients']} clients, {found['seconds']:.0f} s: "
        ratio = f"{found['faces_a_second']}/s, {found['share_of_predict']:.0%}"
        rows.append([told + "faces a second, of `predict`'s", "80 %", ratio])
        rows.append([told + "answers", "no 5xx but 503", _answers(found)])
        rows.append([told + "`/healthz`, slowest, ms", "100", str(found["healthz_worst_ms"])])
        rows.append([told + "memory after a tenth, at the end", "flat", _memory(found)])
    if found := report.get("slow"):
        told = f"beside {found['slow_connections']} connections that send a byte: answers"
        rows.append([told, "others served", _answers(found)])
    if found := report.get("malformed"):
        told = f"{found['files']} damaged and odd files posted: answers"
        rows.append([told, "4xx, or read", _answers(found)])
        taken = f"{found['seconds']:.0f}; {found['longest'][0]}"
        rows.append(["the same: seconds in all; slowest", "600", taken])
    if found := report.get("requests"):
        told = f"{found['requests']} requests: memory after a tenth, at the end"
        rows.append([told, "within 10 %", _memory(found)])
    if found := report.get("uploads"):
        told = f"{found['uploads']} uploads of {found['bytes_each'] / 1e6:.1f} MB: files written; "
        value = f"{len(found['written'])}; {found['image_bytes_in_log']}"
        rows.append([told + "pieces of the image in the log", "0; 0", value])
    return table(["figure", "wanted", "value"], rows)


def _answers(found: Report) -> str:
    counts: dict[str, int] = {}
    for name, count in found["answers"].items():
        status = name.split(" ")[0]
        if status != "healthz":
            counts[status] = counts.get(status, 0) + count
    return ", ".join(f"{status}: {count}" for status, count in counts.items())


def _memory(found: Report) -> str:
    first, last = found["after_a_tenth"], found["at_the_end"]
    threads = f"{first['threads']} and {last['threads']} threads"
    return f"{first['memory_mb']} and {last['memory_mb']} MB; {threads}"


def video() -> str:
    """A long video of three faces, where it was measured."""
    head = ["figure", "wanted", "value"]
    if not (REPORTS / "video.json").exists():
        return table(head, [["a video of ten minutes", "-", "not measured yet"]])
    found = read("video")
    tracks = " and ".join(str(len(each)) for each in found["tracks_of_each_face"])
    memory = f"{found['first_quarter_mib']:.0f} and {found['last_quarter_mib']:.0f} MiB"
    rate = f"{found['predict_per_s']}/s, {found['ratio']:.0%}".replace("%", " %")
    about = f"{found['frames']} frames of {found['size'][0]} x {found['size'][1]} px"
    rows = [
        [f"{about}: memory, first and last quarter", "within 10 %", memory],
        ["tracks of each face; switches", "1 and 1 and 1; 0", f"{tracks}; {found['switches']}"],
        ["rate, of the bare pipeline's", "85 %", rate],
    ]
    return table(head, rows)


def ray_rows() -> str:
    """Runs on Ray against the local engine; those that were made."""
    if not (REPORTS / "ray-rows.json").exists():
        return table(["figure", "value"], [["5,000 crops by two workers", "not measured yet"]])
    report, rows = read("ray-rows"), []
    if found := report.get("same"):
        told = f"{found['crops']} crops, {found['bad']} bad, two workers"
        kept = f"; {found['shards_kept']} of {found['shards_at_kill']} shards kept"
        for key, what, more in (
            ("same_rows", "", ""),
            ("same_rows_worker_killed", ", one of them killed", ""),
            ("same_rows_program_killed", ", the program killed and started again", kept),
        ):
            same = "" if found[key] else "**not** "
            rows.append([f"{told}{what}: rows", f"{same}those of the local engine{more}"])
    if found := report.get("rate"):
        told = "crops a second, and s on top: local with two threads, one and two workers of a core"
        ways = [found[way] for way in ("local, two threads", "one worker", "two workers")]
        value = ", ".join(f"{way['per_s']} + {way['fixed_s']} s" for way in ways)
        rows.append([told, f"{value}: {found['two_workers_of_local']:.0%}"])
    if found := report.get("memory"):
        told = f"{found['crops']} crops: memory of program and workers, first and last quarter"
        parts = [found[who] for who in ("program", "workers")]
        value = "; ".join(
            f"{part['first_quarter_mib']:.0f} and {part['last_quarter_mib']:.0f} MiB"
            for part in parts
        )
        rows.append([told, value])
        rows.append(
            ["and of the object store, highest", f"{found['object_store_highest_mib']} MiB"]
        )
    return table(["figure", "value"], rows)


STEP_STAGES = {
    "mae": "`mae`",
    "detector": "`detector`",
    "detector_labelled": "`detector_labelled`",
    "teacher": "`teacher`",
    "reconstructor": "`reconstructor`",
    "recogniser": "`recogniser`",
    "recogniser_paper": "`recogniser_paper`",
}


def training_runs() -> str:
    """Small trainings that were killed, and those of two processes."""
    report, rows = read("training-runs"), []
    if found := report.get("killed"):
        stages = ", ".join(STEP_STAGES[name] for name in found["stages"])
        told = f"{found['kills']} kills (-9), {found['inside_a_save']} of them inside a save, of "
        told += f"trainings of {stages}: those whose weights are an uninterrupted one's, byte for "
        rows.append([f"{told}byte", f"{found['same']} of {found['trainings']}"])
    for name, apart in report.get("together", {"stages": {}})["stages"].items():
        told = f"{STEP_STAGES[name]}: greatest difference of a weight from one process and whole "
        same = "the same" if apart["two_slices"] == apart["two_processes"] else "**another**"
        value = f"{apart['two_processes']:.0e}; {same}"
        rows.append([f"{told}batches, of two processes; of two slices", value])
    return table(["figure", "value"], rows)


def training_memory() -> str:
    """What a step needs, by stage."""
    rows = []
    for name, needs in read("training-memory").items():
        fit = needs["faces_that_fit"]
        rows.append(
            [
                f"`{name}`",
                f"{needs['weights'] / 1e6:.1f} M",
                f"{needs['fixed_bytes'] / 1e9:.2f}",
                f"{needs['bytes_a_face'] / 1e6:.1f}",
                f"{needs['flops_a_face'] / 1e9:.1f}",
                f"{needs['batch']}: {needs['batch_gb']:.1f}",
                " / ".join(_round_down(fit[gb]) for gb in ("16", "24", "80")),
            ]
        )
    head = ["stage", "trained weights", "fixed, GB", "a face, MB", "a face, GFLOP"]
    return table([*head, "batch of the recipe: GB", "largest batch at 16 / 24 / 80 GB"], rows)


def _round_down(faces: int) -> str:
    """To the power of two below, for batches."""
    return f"{2 ** (int(faces).bit_length() - 1):,}"


def mutants() -> str:
    """Wrong versions of the package, and the test that notices each."""
    rows = [
        [what, f"`{test.rpartition('::')[2]}`" if test else "**none**"]
        for what, test in read("mutants")["noticed_by"].items()
    ]
    return table(["wrong", "noticed by"], rows)


TABLES: Mapping[str, Callable[[], str]] = {
    "real-covers": real_covers,
    "real-regions": real_regions,
    "real-types": real_types,
    "real-patches": real_patches,
    "recognition": recognition,
    "recognition-differences": recognition_differences,
    "recognition-recall": recognition_recall,
    "other-source": other_source,
    "detection": detection,
    "masked": masked,
    "groups": groups,
    "occluders": occluders,
    "table1": table1,
    "report": report_page,
    "any-file": any_file,
    "long-runs": long_runs,
    "training-runs": training_runs,
    "training-memory": training_memory,
    "video": video,
    "service": service,
    "mutants": mutants,
    "ray-rows": ray_rows,
}
BLOCK = re.compile(r"(<!-- figures: ([\w-]+) -->\n).*?(\n<!-- end -->)", re.DOTALL)


def written(page: str) -> str:
    """A page with each of its tables made anew."""
    return BLOCK.sub(lambda found: found[1] + TABLES[found[2]]() + found[3], page)


if __name__ == "__main__":
    before = PAGE.read_text(encoding="utf-8")
    after = written(before)
    PAGE.write_text(after, encoding="utf-8")
    sys.stdout.write("unchanged\n" if before == after else f"wrote {PAGE.name}\n")
