"""Tables of the results page about files, runs, services and trainings."""

from typing import Any

from results_cells import NOT_YET, Report, read, share, table

_FACES = ("clean", "objects")


def face_finding() -> str:
    """Faces found in collages and on the demo's photo."""
    found = read("face-finding")
    low, high = found["interval_95"]
    shown = share({"value": found["share_found"], "low": low, "high": high})
    rows = [
        ["demo photo", "found", "found" if found["demo_found"] else "**not found**", "1"],
        ["collages, faces found, %", "95", shown, str(found["faces"])],
        ["collages, false detections", "-", str(found["false_detections"]), "100 collages"],
    ]
    return table(["figure", "wanted", "value", "n"], rows)


def engines() -> str:
    """Whether torch answers as the default engine, and how fast that is."""
    parity, speed, alone = (read(n) for n in ("parity", "speed", "detection-speed-labelled"))
    both, detector = alone["encoder_and_detector_ms_per_face"], alone["detector_ms_per_face"]
    threads, faces = f"{alone['threads']} thread", f"{alone['batch_size']} of noise"
    rows = [
        ["same expression", "all", str(parity["same_expression"]), f"{parity['n']}"],
        [
            "largest difference of a probability",
            "0.001",
            f"{parity['largest_probability_difference']:.7f}",
            f"{parity['n']}",
        ],
        [
            f"whole pipeline, {speed['cores']} cores, faces a second (slowest and fastest round)",
            "45",
            _rate(speed),
            f"{speed['n']}, {speed['share_of_faces_repaired']:.0%} of them repaired",
        ],
        [f"the detector alone, {threads}, ms a face", "4", f"{detector['median']:.1f}", faces],
        [
            f"the encoder alone, {threads}, ms a face, on the same machine",
            "-",
            f"{both['median'] - detector['median']:.1f}",
            faces,
        ],
    ]
    return table(["figure", "wanted", "value", "n"], rows)


def other_engines() -> str:
    """How fast each engine is, and what its answers are worth."""
    rows = []
    for name, ending in (
        ("onnxruntime", ""),
        ("torch", "-torch"),
        ("openvino-bf16", "-openvino-bf16"),
    ):
        # Of torch, the first table has the answers.
        agree = read("parity" if name == "torch" else f"parity{ending}") if ending else {}
        right = read(f"recognition{ending}")
        rows.append(
            [
                f"`{name}`",
                _rate(read(f"speed{ending}")),
                f"{agree['same_expression']} of {agree['n']}" if agree else "",
                f"{agree['largest_probability_difference']:.2g}" if agree else "",
                *(share(right[key]["repaired"]["accuracy"]) if right else "" for key in _FACES),
            ]
        )
    head = ["engine", "faces a second", "same expression", "largest difference"]
    return table([*head, "clean, %", "with `val` objects, %"], rows)


def _rate(speed: Report) -> str:
    slow, fast = min(speed["rounds"]), max(speed["rounds"])
    return f"{speed['faces_per_second']:.1f} ({slow:.1f}-{fast:.1f})"


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
    if not report:
        rows.append(["32 clients, 60 s", "", NOT_YET])
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
    if found := report.get("schema"):
        told = f"{found['requests']} requests that schemathesis made up for "
        told += f"{found['operations']} operations: answers that the OpenAPI document does not name"
        others = {**found["failures"], **found["errors"]}
        told_others = ", ".join(f"{title}: {count}" for title, count in others.items())
        rows.append([told, "no server errors", told_others or "none, and no server errors"])
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
    if not (found := read("video")):
        return table(head, [["a video of ten minutes", "-", NOT_YET]])
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
    report, rows = read("ray-rows"), []
    if not report:
        rows.append(["5,000 crops by two workers", NOT_YET])
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


BITS = ("64", "32")


def training_runs() -> str:
    """Small trainings that were killed, and those of two processes."""
    report, rows = read("training-runs"), []
    if found := report.get("killed"):
        stages = ", ".join(STEP_STAGES[name] for name in found["stages"])
        told = f"{found['kills']} kills (-9), {found['inside_a_save']} of them inside a save, of "
        told += f"trainings of {stages}: those whose weights are an uninterrupted one's, byte for "
        rows.append([f"{told}byte", f"{found['same']} of {found['trainings']}"])
    together = {bits: one["stages"] for bits, one in report["together"].items() if bits in BITS}
    for name in together["64"]:
        apart = [together[bits][name] for bits in BITS]
        told = f"{STEP_STAGES[name]}: greatest difference of a weight from one process and whole "
        same = all(one["two_slices"] == one["two_processes"] for one in apart)
        value = "; ".join(f"{one['two_processes']:.0e}" for one in apart)
        value += "; two slices the same" if same else "; **two slices another**"
        rows.append([f"{told}batches, of two processes: in 64 bits; in 32", value])
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


def paper_steps() -> str:
    """Two steps of every stage by the recipes of `paper`."""
    report = read("paper-steps")
    rows = [
        [f"`{stage}`", str(found["seconds"]), f"{found['loss']:.3f}" if "loss" in found else "-"]
        for stage, found in report.items()
        if stage != "peak_mib"
    ]
    rows.append(["greatest memory, MiB", str(report["peak_mib"]), ""])
    return table(["stage", "s, busy machine", "loss"], rows)


def mutants() -> str:
    """Wrong versions of the package, and the test that notices each."""
    rows = [
        [what, f"`{test.rpartition('::')[2]}`" if test else "**none**"]
        for what, test in read("mutants").get("noticed_by", {"all": NOT_YET}).items()
    ]
    return table(["wrong", "noticed by"], rows)
