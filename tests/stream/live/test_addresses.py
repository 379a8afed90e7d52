"""Keys come from outside the command line, and are never said."""

import pytest

from vsdeblur.errors import OptionError, VideoError
from vsdeblur.stream.live.ends.addresses import Secrets, check_carried, read_keys
from vsdeblur.stream.live.watching.journal import Journal


@pytest.mark.parametrize("given", ["rtmp://h/app/$STAGE_KEY", "rtmp://h/app/${STAGE_KEY}"])
def test_a_name_stands_for_what_the_environment_says(monkeypatch, given):
    monkeypatch.setenv("STAGE_KEY", "abc-def-123")
    address = Secrets().address(given)
    assert address.url == "rtmp://h/app/abc-def-123"
    assert address.shown == "rtmp://h/app/***"
    assert "abc" not in repr(address)


def test_a_key_file_comes_before_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("KEY", "from-environment")
    (tmp_path / "key").write_text("from-file\nmore\n")
    (tmp_path / "other").write_text("  other-file  ")
    keys = read_keys((str(tmp_path / "key"), f"OTHER={tmp_path / 'other'}"))
    secrets = Secrets(keys)
    assert secrets.address("rtmp://h/a/$KEY").url == "rtmp://h/a/from-file"
    assert secrets.address("rtmp://h/a/$OTHER").url == "rtmp://h/a/other-file"


def test_a_name_that_stands_for_nothing_is_refused(monkeypatch):
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    with pytest.raises(OptionError, match=r"\$NO_SUCH_KEY stands for nothing: export"):
        Secrets().address("rtmp://h/app/$NO_SUCH_KEY")


@pytest.mark.parametrize(
    ("content", "said"), [(None, "No such file"), ("", "is empty"), (b"\xff\xfe", "is no text")]
)
def test_a_key_file_that_holds_no_key_is_refused(tmp_path, content, said):
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(OptionError, match=said):
        read_keys((str(path),))


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("rtmp://host/live/stage", "rtmp://host/live/***"),
        ("rtmps://host:443/app/inst/key?auth=token12345", "rtmps://host:443/app/inst/***?***"),
        ("rtsp://admin:hunter22@camera/1?token=q1w2e3r4", "rtsp://camera/1?***"),
        ("https://cdn/a/list.m3u8?sig=0123456789", "https://cdn/a/list.m3u8?***"),
        ("udp://239.0.0.1:5000?pkt_size=1316", "udp://239.0.0.1:5000?pkt_size=1316"),
        ("rtmp://host/live", "rtmp://host/live"),
        ("-", "-"),
        ("price-$5.mkv", "price-$5.mkv"),
    ],
)
def test_what_is_shown_of_an_address(given, shown):
    assert Secrets().address(given).shown == shown


@pytest.mark.parametrize(
    ("given", "secret"),
    [
        ("rtmp://host/app/live_1234567890_abc", "live_1234567890_abc"),
        ("rtsp://admin:hunter22222@camera/1", "hunter22222"),
        ("https://cdn/list.m3u8?sig=0123456789abc", "0123456789abc"),
    ],
)
def test_no_line_holds_a_secret(given, secret):
    secrets, lines = Secrets(), []
    secrets.address(given)
    Journal(lines.append, secrets).say(f"cannot open {given}: bad name {secret}\nreally")
    assert secret not in lines[0]
    assert "\n" not in lines[0]
    assert lines[0].startswith("2")  # the year


def test_short_keys_are_hidden_where_they_are_keys_alone():
    secrets = Secrets()
    secrets.address("rtmp://h/live/out")
    assert secrets.masked("rtmp://h/live/out: without out.mkv") == (
        "rtmp://h/live/***: without out.mkv"
    )


@pytest.mark.parametrize(
    ("given", "target", "said"),
    [
        ("srt://h:1", False, r"srt-live-transmit srt://\.\.\. udp://127.0.0.1:5000"),
        ("srt://h:1", True, r"srt-live-transmit udp://127.0.0.1:5000 srt://"),
        ("rist://h:1", False, "ristreceiver"),
        ("gopher://h/1", True, "are not written; use"),
    ],
)
def test_what_is_not_carried_is_refused_with_the_way_round(given, target, said):
    with pytest.raises(VideoError, match=said):
        check_carried(Secrets().address(given), target=target)
