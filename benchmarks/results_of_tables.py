"""Tables of the results page that stand for the paper's: recognisers, repairs, Figure 1."""

from results_cells import NOT_YET, Report, plain, read, share, table

RECOGNISERS = {
    "pipeline": "pipeline",
    "pipeline-unrepaired": "its recogniser on the face as it came",
    "plain": "plain CNN",
    "plain_occluded": "plain CNN, trained with covers",
}
CONDITIONS = {
    "clean": "clean",
    "covered": "really covered",
    "objects": "behind `val` objects",
    "eyes": "eyes hidden",
    "mouth": "mouth hidden",
}
SHARES = ("0", "10", "20", "30", "40", "50", "60", "70")


def recognisers() -> str:
    """Accuracy of the pipeline and of plain CNNs under each condition."""
    rows = _rows("occlusion")
    shown = [
        [name, *(share(rows[key].get(condition, {})) for condition in CONDITIONS)]
        for key, name in RECOGNISERS.items()
        if key in rows
    ]
    return table(["accuracy, %", *CONDITIONS.values()], shown) if shown else NOT_YET


def recognisers_less() -> str:
    """The pipeline less each of the others, paired."""
    paired = read("evaluation/occlusion/summary").get("details", {}).get("differences", {})
    shown = [
        [
            name,
            *(
                share(paired[condition][key]["figures"]["accuracy"]["difference"], 1, "+")
                for condition in paired
            ),
        ]
        for key, name in RECOGNISERS.items()
        if any(key in others for others in paired.values())
    ]
    head = ["pipeline minus, points", *(CONDITIONS[condition] for condition in paired)]
    return table(head, shown) if shown else NOT_YET


def repairs() -> str:
    """Tables 8, 9 and 2: how near a repair comes, and what is read in it."""
    near, holes, objects = (_rows(name) for name in ("table8", "table9", "table2"))
    shown = []
    for name, row in holes.items():
        if name == "clean face":
            continue
        cells = [name]
        for kind in ("colour", "grey"):
            found = near.get(f"{kind}: {name}", {})
            cells += [plain(found.get("psnr", {}), 2), plain(found.get("gain_psnr", {}), 2)]
        cells += [share(part.get("accuracy", {})) for part in (row, objects.get(name, {}))]
        cells += [share(part.get("kept", {})) for part in (row, objects.get(name, {}))]
        shown.append(cells)
    head = ["repair", "colour: PSNR, dB", "shipped minus this", "grey: PSNR, dB"]
    head += ["shipped minus this", "holes of 20-30 %: read right, %"]
    head += ["behind objects: read right, %", "holes: judge keeps its label, %"]
    head += ["behind objects: judge keeps it, %"]
    return table(head, shown) if shown else NOT_YET


def table10() -> str:
    """What CNN, latents and their selection are worth."""
    shown = [
        [name, *(share(row.get(key, {})) for key in ("none", "repaired", "clean"))]
        + [share(row.get(key, {}), 1, "+") for key in ("none_less", "repaired_less", "clean_less")]
        for name, row in _rows("table10").items()
    ]
    head = ["read", "no reconstruction, %", "reconstruction, %", "clean faces, %"]
    head += [f"CNN + selected latents minus this, {part}" for part in ("none", "repaired", "clean")]
    return table(head, shown) if shown else NOT_YET


def figure1() -> str:
    """Accuracy against the share of hidden patches."""
    shown = [
        [name, *(f"{100 * row[key]['value']:.1f}" for key in SHARES)]
        for name, row in _rows("figure1").items()
    ]
    return (
        table(["accuracy, %; hidden", *(f"{key} %" for key in SHARES)], shown) if shown else NOT_YET
    )


def figure1_areas() -> str:
    """The same curves in one number each."""
    areas = read("evaluation/figure1/areas")
    shown = [
        [sweep, who, share(one["area"]), share(one.get("less", {}), 1, "+")]
        for sweep in ("random", "grad-cam")
        for who, one in areas.get(sweep, {}).items()
    ]
    head = ["patches", "recogniser", "area under its curve, %", "pipeline minus this, points"]
    return table(head, shown) if shown else NOT_YET


def _rows(name: str) -> dict[str, Report]:
    """Figures of a table's measured rows, by name."""
    report = read(f"evaluation/{name}/summary")
    return {row["name"]: row["figures"] for row in report.get("rows", ()) if row["figures"]}
