"""Commands of the command line that stand beside `tracker run`: asking a session, and stimuli."""

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


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command(epilog="Example: `tracker arm --by Ada`")(asking.arm)
    app.command(
        name="evaluate-behaviours",
        epilog="Examples:\n\n`tracker evaluate-behaviours freezing_from_tracks --tracks tracks.csv "
        "--truth rater1.csv --truth rater2.csv`\n\n"
        "`tracker evaluate-behaviours freezing_from_tracks --truth rater1.mat --truth rater2.mat`",
    )(behaviours.evaluate_behaviours)
    app.command(
        epilog="Example: `tracker operating-point mine.yaml --tracks tracks.csv --truth rater.csv "
        "--false-per-hour 2 --plots plots --in-place`"
    )(operating.operating_point)
    app.command(
        name="label-masks",
        epilog="Example: `tracker label-masks mouse_background --camera mouse.mp4 --name mouse`",
    )(masking.label_masks)
    app.command(
        epilog="Examples:\n\n`tracker tune mine.yaml`\n\n`tracker tune mouse_without_network "
        "--camera mouse.mp4 --sheet steps.png`\n\n`tracker tune mine.yaml --set "
        "observer.difference=45 --write`"
    )(tuning.tune)
    app.command(epilog="Example: `tracker disarm --why 'the animal looks unwell'`")(asking.disarm)
    app.command(epilog="Example: `tracker stimulate light --width-ms 10`")(asking.stimulate)
    app.command(epilog="Example: `tracker mark 'door opened'`")(asking.mark)
    app.command(epilog="Example: `tracker status --json`")(asking.status)
    app.command(epilog="Example: `tracker film start`")(asking.film)
    app.command(epilog="Example: `tracker stop`")(asking.stop)
    app.command(epilog="Example: `tracker latency closed_loop_demo --led light --answer reply`")(
        stimulation.latency
    )
    app.command(name="control", epilog="Example: `tracker control my_experiment.yaml`")(
        control.control
    )
    app.command(epilog="Example: `tracker flash --dry-run`")(stimulation.flash)
    app.command(epilog="Example: `tracker report sessions/20261122T101500Z_m12`")(
        stimulation.report
    )
    app.command(
        epilog="Examples:\n\n`tracker batch 'recordings/*.mp4' --config open_field.yaml`\n\n"
        "`tracker batch videos/ --config open_field --groups groups.csv --workers 8`\n\n"
        "`tracker batch list.txt --config open_field --scheduler tcp://node1:8786`\n\n"
        "`tracker batch sessions/`"
    )(batch.batch)
    app.command(epilog="Example: `tracker compare results/summary.parquet --a saline --b drug`")(
        compare.compare
    )
    app.command(epilog="Example: `tracker recover sessions/* --dry-run`")(recovering.recover)
    app.command(
        epilog="Example: `tracker render sessions/20261122T101500Z_m12 --behaviour freezing`"
    )(rendering.render)
    app.command(epilog="Example: `tracker unblind sessions/20261122T101500Z_m12`")(
        stimulation.unblind
    )
    app.command(epilog="Example: `tracker replay sessions/20261122T101500Z_m12 --verify`")(
        replaying.replay
    )
    app.command(
        name="export", epilog="Example: `tracker export sessions/20261122T101500Z_m12 nwb`"
    )(exporting.export_session)
    app.command(
        epilog="Example: `tracker parity sessions/20261122T101500Z_m12 --set "
        "behaviours.freezing.rule.below=1.2`"
    )(parity.parity)
    app.command(
        epilog="Example: `tracker triangulate sessions/20261122T101500Z_m12 --views views.yaml`"
    )(triangulating.triangulate)
    app.command(
        name="calibrate-views",
        epilog="Examples:\n\n`tracker calibrate-views front=front.mp4 left=left.mp4 "
        "--board charuco:7x5:30 --lens front=front.yaml --lens left=left.yaml`\n\n"
        "`tracker calibrate-views sessions/20261122T101500Z_board --board charuco:7x5:30`",
    )(calibrating_views.calibrate_views)
    app.command(
        name="align",
        epilog="Examples:\n\n`tracker align sessions/20261122T101500Z_m12 --pulses ephys.npy`\n\n"
        "`tracker align sessions/20261122T101500Z_m12 --pulses sync.csv --barcode`",
    )(aligning.align_session)
    app.command(
        name="import",
        epilog="Example: `tracker import mouseDLC.h5 --video mouse.mp4 --config open_field`",
    )(exporting.import_session)
    app.command(
        name="calibrate",
        epilog="Examples:\n\n`tracker calibrate --board charuco:7x5:30:22 --print-board board.pdf`"
        "\n\n`tracker calibrate pictures/ --board charuco:7x5:30:22 --out lens.yaml`\n\n"
        "`tracker calibrate --camera 0 --board charuco:7x5:30:22`",
    )(calibrating.calibrate_lens)
    app.command(
        name="register",
        epilog="Examples:\n\n`tracker register sessions/monday sessions/tuesday --positions "
        "tuesday.csv`\n\n`tracker register sessions/monday --save-view reference.png`",
    )(registering.register_views)
    _register_views(app)


def _register_views(app: typer.Typer) -> None:
    app.command(
        epilog="Examples:\n\n`tracker cameras`\n\n`tracker cameras --address 192.168.1.20`\n\n"
        "`tracker cameras --emulated --json`"
    )(finding.cameras)
    app.command(
        epilog="Examples:\n\n`tracker view`\n\n`tracker view tcp://rig1 tcp://rig2`\n\n"
        "`tracker view --screenshot view.png`"
    )(viewing.view)
    app.command(epilog="Examples:\n\n`tracker watch tcp://rig1`\n\n`tracker watch --html`")(
        watching.watch
    )
