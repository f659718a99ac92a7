"""Watches an animal live: camera to pose to behaviour episodes, with every frame accounted for.

Follow a frame through the code, light first:

 1. `types`         everything that passes between stages, in the order a frame meets it
 2. `cameras`       a device or a file gives frames, and gaps where it lost some
 3. `ring_buffer`   one writer, many readers; never a torn frame, every loss counted
 4. `preprocess`    frame to network input, and the way back to sensor pixels
 5. `runtimes`      run a network file; its card, its provider, its checks
 6. `observers`     frame to observation: who is where
 7. `arena`         pixels to centimetres, zones
 8. `features`      observation to named quantities with units
 9. `behaviours`    features to a score from 0 to 1
10. `episodes`      scores to onsets at once, and episodes at their end
11. `pipeline`      4 to 10 in a row, for one frame

Around it:

12. `ledger`        one row per frame that the camera counted: what became of it
13. `stages`        what each thread does over and over; `worker` is such a thread
14. `session`       makes the threads, watches them, ends them in order
15. `messages`, `publisher`, `subscriber`   the wire (docs/wire.md)
16. `recorder`, `recording`                 the session folder (docs/session_folder.md)
    `replay`, `parity`                      decide a session again (docs/replay.md)
17. `summary`, `scoring`                    what a session folder says happened, and how well
    `report`, `render`                      the same as a page and as a film (docs/report.md)
18. `config`, `build`, `check`, `cli`       one YAML file to one running experiment
19. `batch`         many recordings at once, offline (docs/batch.md)
20. `learning`                              trains the networks; the only place with PyTorch
"""
