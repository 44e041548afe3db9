"""Tables of the results page that hold figures against what was wanted of them."""

from collections.abc import Callable

from results_cells import Report, plain, read, share, table

HEAD = ["figure", "wanted", "value", ""]


def in_short() -> str:
    """What a reader looks for first."""
    read_right = read("recognition")
    clean, objects, other = (read_right[name] for name in ("clean", "objects", "other_source"))
    covers = read("real-occlusion")["covers"]
    rows = [
        _row("hands on FERPlus faces, AUROC of a face", "0.92", covers["hand"]["auroc"]),
        *_found_and_read_right(covers),
        _row("clean faces, eight classes", "88 %", clean["repaired"]["accuracy"]),
        _row("macro recall, clean", "68 %", clean["repaired"]["macro_recall"]),
        _row("with `val` objects", "76 %", objects["repaired"]["accuracy"]),
        _row(
            "with `val` objects: the answer against the face as it came, points",
            "+1.5",
            objects["repaired_minus_as_it_came"],
            points,
        ),
        _row("the same, clean", "-0.2", clean["repaired_minus_as_it_came"], points),
        _row("ECE, clean", "< 0.03", clean["repaired"]["ece"]),
        _row("ECE, with `val` objects", "< 0.03", objects["repaired"]["ece"]),
        _row("ECE, three tenths hidden and more", "< 0.04", objects["most_hidden"]["ece"]),
        _row(
            "colour faces made grey: another answer",
            "< 0.5 %",
            read("colour-labels")["grey"]["answer"],
        ),
        _row("another source, three labels", "92 %", other["accuracy"]),
        _row("the same, macro recall", "80 %", other["macro_recall"]),
    ]
    for name, bars in DETECTORS.items():
        for kind, bar in zip(("colour", "grey"), bars, strict=True):
            found = read(f"detection-{name}")[kind]["auroc"]
            rows.append(_row(f"patches behind `val` objects, AUROC, {kind}, `{name}`", bar, found))
    without_border = read("evaluation/table1/summary")["details"]["detectors"]["paper"]
    for kind, bar in (("colour", "0.87"), ("grey", "0.69")):
        told = f"the same, {kind}, `paper`, border of photos left out (n = 400)"
        rows.append(_row(told, bar, without_border[kind]["auroc"]))
    return table(HEAD, rows)


DETECTORS = {
    "labelled": ("0.99", "0.975"),
    "synthetic": ("-", "-"),
    "one-class": ("-", "-"),
    "paper": ("-", "-"),
}
"""And what is wanted of each, in colour and grey."""


def real_wanted() -> str:
    """What was wanted of real covers."""
    report = read("real-occlusion")
    covers = report["covers"]
    seen_through = covers["glasses or letters only"]["found"]
    repaired = covers["really covered"]["after_minus_before"]
    rows = [
        _row("hand against nothing, AUROC of a face", "0.92", covers["hand"]["auroc"]),
        _row("object, hair or cloth, pooled", "0.92", covers["object, hair, cloth"]["auroc"]),
        _row("sunglasses", "0.985", covers["sunglasses"]["auroc"]),
        _row("clear glasses or letters alone, flagged at 5 %", "< 12 %", seen_through),
        _row("patches over hands, AUROC", "0.92", report["patches"]["auroc"]),
        *_found_and_read_right(covers),
        _row("really covered: answer against the face as it came, points", "+0", repaired, points),
    ]
    return table(HEAD, rows)


def points(figure: Report) -> str:
    """A difference of shares in points, with its sign."""
    return share(figure, 2, "+")


def _found_and_read_right(covers: Report) -> list[list[str]]:
    hands = covers["hand"]["found"]
    return [
        _row("hands found where 5 % of faces with nothing are flagged", "65 %", hands),
        _row("really covered faces, read right", "83 %", covers["really covered"]["after"]),
        _row("faces with nothing over them, read right", "90 %", covers["nothing"]["after"]),
    ]


def _row(
    told: str, wanted: str, figure: Report, show: Callable[[Report], str] | None = None
) -> list[str]:
    """A figure against what is wanted: at least so much, or less than ("< 12 %"), or "-"."""
    number = wanted.removeprefix("< ").removesuffix(" %")
    if show is None:
        show = share if wanted.endswith("%") else plain
    if wanted == "-":
        return [told, wanted, show(figure), ""]
    bar = float(number) / (1 if show is plain else 100)
    met = figure["value"] < bar if wanted.startswith("<") else figure["value"] >= bar
    return [told, wanted, show(figure), "met" if met else "**missed**"]
