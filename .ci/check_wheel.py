"""The wheel holds the package `tracker` and its data, and nothing else."""

import sys
import zipfile

REQUIRED = (
    "tracker/actuators/firmware/stimulus_box.hex",
    "tracker/py.typed",
    *(f"tracker/batch/{name}.html.jinja" for name in ("index", "layout", "macros")),
    "tracker/compare/compare.html.jinja",
    "tracker/report/report.html.jinja",
    "tracker/configs/closed_loop_demo.yaml",
    "tracker/configs/demo.yaml",
    "tracker/configs/experiment.schema.json",
    *(
        f"tracker/models/{name}/{file}"
        for name in ("flies", "mouse_mirror", "mouse_open_field", "mouse_top_view")
        for file in ("card.yaml", "network.onnx", "recipe.yaml")
    ),
    *(
        f"tracker/classifiers/{name}/{file}"
        for name in ("rats_social", "two_mice")
        for file in ("card.yaml", "classifier.onnx", "recipe.yaml")
    ),
)
MAX_MB = 20

names = zipfile.ZipFile(sys.argv[1]).namelist()
foreign = [n for n in names if n.split("/")[0] != "tracker" and ".dist-info/" not in n]
missing = [name for name in REQUIRED if name not in names]
junk = [n for n in names if n.endswith((".pyc", ".gitkeep")) or "/tests/" in n]
size_mb = sum(info.compress_size for info in zipfile.ZipFile(sys.argv[1]).infolist()) / 1e6
if foreign or missing or junk or size_mb > MAX_MB:
    sys.exit(f"wheel: foreign {foreign}, missing {missing}, junk {junk}, {size_mb:.1f} MB")
print(f"wheel: {len(names)} files, {size_mb:.1f} MB, nothing foreign, nothing missing")
