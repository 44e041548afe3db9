"""Tables of the results page about faces: what covers them, detection, recognition."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from results_cells import NOT_YET, Report, plain, read, share, table

from latent_ofer.weights_folder import SHIPPED

DETECTORS = ("labelled", "synthetic", "one-class", "paper")
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
        for name, row in read("real-occlusion").get("regions", {}).items()
    ]
    if not rows:
        return NOT_YET
    head = ["region, half hidden and more", "n", "read right before", "after"]
    return table([*head, "after minus before, points"], rows)


def real_types() -> str:
    """What hides most of a face, as two looks and as the detector have it."""
    counts = read("real-occlusion").get("types")
    if not counts:
        return NOT_YET
    said = list(counts["nothing"])
    rows = [[name, *(str(row[other]) for other in said)] for name, row in counts.items()]
    return table(["by both looks; said to be", *said], rows)


def real_patches() -> str:
    """AUROC of the patches of outlined hands."""
    found = read("real-occlusion")["patches"]
    return f"{plain(found['auroc'])}, n = {found['n']} faces"


def fusion_views() -> str:
    """On dev, the views of the recogniser alone, and fused with what hides a face told apart."""
    report = read("fusion-views")
    kinds, rows = list(report["n"]), []
    manifest = json.loads((SHIPPED / "manifest.json").read_text())
    shipped = manifest["recipes"]["fusion"]["objects"]
    fused = report["fused, hands told apart"][f"{shipped:g}"]
    for name, row in (*report["views"].items(), ("fused", fused)):
        rows.append([name, *(f"{100 * row[kind]:.1f}" for kind in kinds)])
    for name, value in report.get("true mask", {}).items():
        rows.append([f"{name}, true mask", *["-"] * (len(kinds) - 1), f"{100 * value:.1f}"])
    heads = [f"{kind} (n = {n:,})" for kind, n in report["n"].items()]
    return table(["read right, %", *heads], rows)


def clean_set() -> str:
    """What it buys, on dev, that nothing lies over the faces that count as clean."""
    rows = []
    for file, name in (("any", "drawn at random"), ("bare", "nothing lies over them")):
        if not (report := read(f"clean-{file}")):
            return NOT_YET
        real, pasted = report["dev_real"], report["dev_auroc"]
        cells = [f"{real[key]:.3f}" for key in ("dev_hand", "dev_others", "dev_glasses")]
        cells += [f"{100 * real['dev_hand_found']:.0f}"]
        cells += [f"{pasted[kind]:.3f}" for kind in ("grey", "colour")]
        rows.append([name, f"{report['images']:,}", *cells])
    counts = [f"(n = {report['dev_real_n'][name]})" for name in ("hand", "others", "glasses")]
    heads = ["hands, AUROC", "object, hair or cloth", "clear glasses"]
    heads = [f"{head} {count}" for head, count in zip(heads, counts, strict=True)]
    pasted_heads = ["pasted, grey, AUROC of a patch", "colour"]
    return table(["clean faces", "seen", *heads, "hands found at 5 %, %", *pasted_heads], rows)


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
    most = report["objects"]["most_hidden"]
    for title, cell in (
        ("accuracy, %", share(most["accuracy"])),
        ("ECE, 15 bins", plain(most["ece"])),
    ):
        rows.append(["three tenths hidden and more", title, str(most["n"]), cell, "-"])
    return table(["faces", "figure", "n", "fused (the answer)", "as it came"], rows)


def colour_labels() -> str:
    """Labels that change with the colours of a face."""
    report, sides = read("colour-labels"), ("answer", "as it came")
    rows = [
        [change, str(report["n"]), *(share(report[change][side], 2) for side in sides)]
        for change in ("grey", "red and blue swapped")
    ]
    return table(["colours", "n", "other answer, %", "as it came, another label, %"], rows)


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
            found = read(f"masked-{name}")[cover]
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
