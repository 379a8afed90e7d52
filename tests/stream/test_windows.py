"""Each frame is restored from its own neighbours."""

import numpy as np
import pytest

from vsdeblur.stream import StreamOptions

FFV1 = StreamOptions(codec="ffv1")


def luma_of(frames):
    return np.stack([f.planes[0] for f in frames]).astype(np.float64)


def test_window_is_five_frames_with_the_ends_repeated(tmp_path, write_clip, read_clip, restored):
    source = write_clip(tmp_path / "in.mkv", codec="ffv1", count=7)
    target, _ = restored(source, FFV1, change=mean_of)
    padded = np.pad(luma_of(read_clip(source)), ((2, 2), (0, 0), (0, 0)), mode="edge")
    expected = np.stack([padded[i : i + 5].mean(axis=0) for i in range(7)])
    assert np.abs(luma_of(read_clip(target)) - expected).max() <= 0.51


def mean_of(window):
    return window.mean(dim=0, keepdim=True)


@pytest.fixture
def flat_frames(noise_frame):
    def make(values):
        frames = [noise_frame(0, (64, 48), "yuv420p") for _ in values]
        for frame, value in zip(frames, values, strict=True):
            np.frombuffer(frame.planes[0], np.uint8)[:] = value
        return frames

    return make


@pytest.mark.parametrize(
    ("threshold", "expected"),
    [(0.1, [40, 40, 40, 200, 200, 200]), (None, [40, 72, 104, 136, 168, 200])],
)
def test_windows_stop_at_a_scene_change(
    tmp_path, threshold, expected, flat_frames, write_clip, read_clip, restored
):
    frames = flat_frames([40, 40, 40, 200, 200, 200])
    source = write_clip(tmp_path / "in.mkv", codec="ffv1", frames=frames)
    options = StreamOptions(codec="ffv1", scene_threshold=threshold)
    target, _ = restored(source, options, change=mean_of)
    assert luma_of(read_clip(target))[:, 0, 0].tolist() == expected


def test_scene_threshold_is_a_share_of_the_peak_code_value(
    tmp_path, flat_frames, write_clip, read_clip, restored
):
    frames = flat_frames([100, 151])  # differ by 0.2 * 255
    source = write_clip(tmp_path / "in.mkv", codec="ffv1", frames=frames)
    for threshold, parted in ((0.199, True), (0.201, False)):
        options = StreamOptions(codec="ffv1", scene_threshold=threshold)
        target, _ = restored(source, options, change=mean_of)
        assert (luma_of(read_clip(target))[0, 0, 0] == 100) == parted


def test_single_frame_video_is_restored(tmp_path, write_clip, restored):
    source = write_clip(tmp_path / "in.mkv", codec="ffv1", count=1)
    _, result = restored(source, FFV1)
    assert result.frames_out == 1
