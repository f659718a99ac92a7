"""The thirty-line loop that one would write instead, beside the tracker: same video, same network.

The loop reads with OpenCV, resizes, runs ONNX Runtime and sends with ZeroMQ, one after the
other. It records nothing, counts no loss, and knows no features or episodes; the tracker
does all of that in the same run, on the same file, as fast as each goes.
"""

import json
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime as ort
import zmq
from common import arguments, report, run_session

from tracker.build import find_network


def naive_loop(video: Path, network: Path) -> dict[str, Any]:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(str(network), options, providers=["CPUExecutionProvider"])
    socket = zmq.Context.instance().socket(zmq.PUB)
    socket.bind("tcp://127.0.0.1:0")
    capture = cv2.VideoCapture(str(video))
    latencies, network_ms = [], []
    began = time.perf_counter()
    while True:
        ok, frame = capture.read()
        if not ok:
            break
        received = time.perf_counter()
        small = cv2.resize(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), (256, 192))
        called = time.perf_counter()
        xy, confidence = session.run(["xy", "confidence"], {"image": small[None, None]})
        network_ms.append((time.perf_counter() - called) * 1e3)
        message = {"xy": (xy[0] * 2.5).tolist(), "confidence": confidence[0].tolist()}
        socket.send_multipart([b"pose", json.dumps(message).encode()])
        latencies.append((time.perf_counter() - received) * 1e3)
    seconds = time.perf_counter() - began
    socket.close()
    return {
        "fps": len(latencies) / seconds,
        "latency": float(np.median(latencies)),
        "overhead": float(np.median(np.array(latencies) - np.array(network_ms))),
    }


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument("video", type=Path)
    asked = parser.parse_args()
    network = find_network("mouse_top_view")
    loops, ours = [], {"none": [], "h264": [], "ffv1": []}
    source = f"rig.camera={{kind: video_file, path: '{asked.video}', fast: true}}"
    for _ in range(asked.rounds):
        loops.append(naive_loop(asked.video, network)["fps"])
        for codec, rates in ours.items():
            changes = [source, f"outputs.recording.codec={codec}"]
            rates.append(run_session(changes, "open_field")["fps"])
    bare = float(np.median(loops))
    rows = [{"what": "thirty-line loop, records nothing", "frames/s": bare, "ratio": 1.0}]
    for codec, rates in ours.items():
        fps = float(np.median(rates))
        rows.append({"what": f"tracker, video {codec}", "frames/s": fps, "ratio": fps / bare})
    report("The same video as fast as it goes", rows, asked.json)


if __name__ == "__main__":
    main()
