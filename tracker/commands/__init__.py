"""Commands beside `tracker run`, in the order and under the headings of `tracker --help`."""

from collections.abc import Callable
from typing import Any

import typer

from tracker.commands import (
    aligning,
    asking,
    batch,
    behaviours,
    calibrating,
    calibrating_views,
    compare,
    control,
    exporting,
    finding,
    masking,
    operating,
    parity,
    recovering,
    registering,
    rendering,
    replaying,
    stimulation,
    triangulating,
    tuning,
    viewing,
    watching,
)

RUN, SET_UP = "Run an experiment", "Set up a rig"
"""Headings that commands of `tracker.cli` stand under too."""

Command = tuple[str, Callable[..., Any], *tuple[str, ...]]
"""Name, function, examples."""

COMMANDS: dict[str, tuple[Command, ...]] = {
    RUN: (
        (
            "view",
            viewing.view,
            "tracker view",
            "tracker view tcp://rig1 tcp://rig2",
            "tracker view --screenshot view.png",
        ),
        ("watch", watching.watch, "tracker watch tcp://rig1", "tracker watch --html"),
        ("control", control.control, "tracker control my_experiment.yaml"),
    ),
    "While it runs": (
        ("status", asking.status, "tracker status --json"),
        ("mark", asking.mark, "tracker mark 'door opened'"),
        ("arm", asking.arm, "tracker arm --by Ada"),
        ("disarm", asking.disarm, "tracker disarm --why 'the animal looks unwell'"),
        ("stimulate", asking.stimulate, "tracker stimulate light --width-ms 10"),
        ("film", asking.film, "tracker film start"),
        ("stop", asking.stop, "tracker stop"),
    ),
    SET_UP: (
        (
            "cameras",
            finding.cameras,
            "tracker cameras",
            "tracker cameras --address 192.168.1.20",
            "tracker cameras --emulated --json",
        ),
        (
            "calibrate",
            calibrating.calibrate_lens,
            "tracker calibrate --board charuco:7x5:30:22 --print-board board.pdf",
            "tracker calibrate pictures/ --board charuco:7x5:30:22 --out lens.yaml",
            "tracker calibrate --camera 0 --board charuco:7x5:30:22",
        ),
        (
            "calibrate-views",
            calibrating_views.calibrate_views,
            "tracker calibrate-views front=front.mp4 left=left.mp4 --board charuco:7x5:30 "
            "--lens front=front.yaml --lens left=left.yaml",
            "tracker calibrate-views sessions/20261122T101500Z_board --board charuco:7x5:30",
        ),
        (
            "tune",
            tuning.tune,
            "tracker tune mine.yaml",
            "tracker tune mouse_without_network --camera mouse.mp4 --sheet steps.png",
            "tracker tune mine.yaml --set observer.difference=45 --write",
        ),
        ("flash", stimulation.flash, "tracker flash --dry-run"),
        (
            "latency",
            stimulation.latency,
            "tracker latency closed_loop_demo --led light --answer reply",
        ),
    ),
    "A session afterwards": (
        ("report", stimulation.report, "tracker report sessions/20261122T101500Z_m12"),
        (
            "render",
            rendering.render,
            "tracker render sessions/20261122T101500Z_m12 --behaviour freezing",
        ),
        ("replay", replaying.replay, "tracker replay sessions/20261122T101500Z_m12 --verify"),
        (
            "parity",
            parity.parity,
            "tracker parity sessions/20261122T101500Z_m12 --set behaviours.freezing.rule.below=1.2",
        ),
        ("recover", recovering.recover, "tracker recover sessions/* --dry-run"),
        ("export", exporting.export_session, "tracker export sessions/20261122T101500Z_m12 nwb"),
        (
            "import",
            exporting.import_session,
            "tracker import mouseDLC.h5 --video mouse.mp4 --config open_field",
        ),
        (
            "align",
            aligning.align_session,
            "tracker align sessions/20261122T101500Z_m12 --pulses ephys.npy",
            "tracker align sessions/20261122T101500Z_m12 --pulses sync.csv --barcode",
        ),
        (
            "register",
            registering.register_views,
            "tracker register sessions/monday sessions/tuesday --positions tuesday.csv",
            "tracker register sessions/monday --save-view reference.png",
        ),
        (
            "triangulate",
            triangulating.triangulate,
            "tracker triangulate sessions/20261122T101500Z_m12 --views views.yaml",
        ),
        ("unblind", stimulation.unblind, "tracker unblind sessions/20261122T101500Z_m12"),
    ),
    "Many sessions": (
        (
            "batch",
            batch.batch,
            "tracker batch 'recordings/*.mp4' --config open_field.yaml",
            "tracker batch videos/ --config open_field --groups groups.csv --workers 8",
            "tracker batch list.txt --config open_field --scheduler tcp://node1:8786",
            "tracker batch sessions/",
        ),
        (
            "compare",
            compare.compare,
            "tracker compare results/summary.parquet --a saline --b drug",
        ),
    ),
    "Behaviours": (
        (
            "evaluate-behaviours",
            behaviours.evaluate_behaviours,
            "tracker evaluate-behaviours freezing_from_tracks --tracks tracks.csv "
            "--truth rater1.csv --truth rater2.csv",
            "tracker evaluate-behaviours freezing_from_tracks --truth rater1.mat "
            "--truth rater2.mat",
        ),
        (
            "operating-point",
            operating.operating_point,
            "tracker operating-point mine.yaml --tracks tracks.csv --truth rater.csv "
            "--false-per-hour 2 --plots plots --in-place",
        ),
    ),
    "Networks": (
        (
            "label-masks",
            masking.label_masks,
            "tracker label-masks mouse_background --camera mouse.mp4 --name mouse",
        ),
    ),
}


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    for heading, commands in COMMANDS.items():
        for name, function, *examples in commands:
            said = "Example: " if len(examples) == 1 else "Examples:\n\n"
            epilog = said + "\n\n".join(f"`{example}`" for example in examples)
            app.command(name=name, rich_help_panel=heading, epilog=epilog)(function)
