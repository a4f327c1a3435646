"""Fetching files from a server on this machine that misbehaves in every way we know."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ionbridge.datasets.download import (
    DownloadError,
    DownloadFile,
    DownloadSource,
    download,
    download_file,
    download_sources,
    read_sources,
)
from ionbridge.exceptions import ConfigurationError, UnknownNameError

CONTENT = bytes(range(256)) * 4000  # 1 MB
SHA256 = "sha256:" + hashlib.sha256(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves CONTENT; settings say how it fails."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = CONTENT
        self.tag = '"one"'
        self.has_ranges = True
        self.has_length = True
        self.status = 200
        self.cuts: list[int] = []
        self.failures: list[int] = []
        self.requests: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/data.bin"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *_: Any) -> None:
        """Stay silent."""

    def do_GET(self) -> None:
        server, wanted = self.server, self.headers.get("Range")
        server.requests.append(wanted)
        if server.failures or server.status != 200:
            self.send_response(server.failures.pop(0) if server.failures else server.status)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        start = 0
        matches = self.headers.get("If-Range") in (None, server.tag)
        if wanted and server.has_ranges and matches:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if start >= len(server.content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(server.content)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(206)
            self.send_header(
                "Content-Range", f"bytes {start}-{len(server.content) - 1}/{len(server.content)}"
            )
        else:
            self.send_response(200)
        body = server.content[start:]
        self.send_header("ETag", server.tag)
        if server.has_length:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if server.cuts:
            body = body[: server.cuts.pop(0)]
        self.wfile.write(body)


@pytest.fixture
def server() -> Iterator[Server]:
    one = Server()
    thread = threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield one
    one.shutdown()
    one.server_close()
    thread.join()


def fetch(server: Server, folder: Path, attempts: int = 4, **settings: Any) -> Path:
    file = DownloadFile(**{"name": "data.bin", "url": server.url, "checksum": SHA256, **settings})
    return download_file(file, folder, attempts=attempts, pause=0.0, timeout=5.0, licence="CC-BY-4.0")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("has_length", [True, False], ids=["length", "no-length"])
def test_file_arrives_whole_with_a_receipt(server: Server, tmp_path: Path, has_length: bool) -> None:
    server.has_length = has_length
    path = fetch(server, tmp_path, size=len(CONTENT))
    assert path.read_bytes() == CONTENT
    assert names(tmp_path) == ["data.bin", "downloads.json"]
    receipt = json.loads((tmp_path / "downloads.json").read_text())["data.bin"]
    assert (receipt["size"], "sha256:" + receipt["sha256"], receipt["licence"]) == (
        len(CONTENT),
        SHA256,
        "CC-BY-4.0",
    )
    fetch(server, tmp_path)
    assert len(server.requests) == 1, "a file that is there is not fetched again"


def test_interrupted_transfer_goes_on_within_one_call(server: Server, tmp_path: Path) -> None:
    server.cuts = [300_000, 200_000]
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.requests == [None, "bytes=300000-", "bytes=500000-"]


def test_interrupted_transfer_goes_on_in_the_next_call(server: Server, tmp_path: Path) -> None:
    server.cuts = [300_000]
    with pytest.raises(DownloadError, match=r"300000 bytes are kept; run the same again"):
        fetch(server, tmp_path, attempts=1)
    assert names(tmp_path) == ["data.bin.part", "data.bin.part.json"]
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.requests == [None, "bytes=300000-"]
    assert names(tmp_path) == ["data.bin", "downloads.json"]


def test_server_without_ranges_starts_over(server: Server, tmp_path: Path) -> None:
    server.has_ranges, server.cuts = False, [300_000]
    assert fetch(server, tmp_path).read_bytes() == CONTENT


def test_file_that_changed_meanwhile_starts_over(server: Server, tmp_path: Path) -> None:
    server.content, server.cuts = b"old" * 300_000, [100_000]
    with pytest.raises(DownloadError, match="are kept"):
        fetch(server, tmp_path, attempts=1)
    server.content, server.tag = CONTENT, '"two"'
    assert fetch(server, tmp_path).read_bytes() == CONTENT


def test_partial_file_that_is_complete_is_only_checked(server: Server, tmp_path: Path) -> None:
    (tmp_path / "data.bin.part").write_bytes(CONTENT)
    (tmp_path / "data.bin.part.json").write_text(json.dumps({"url": server.url, "tag": server.tag}))
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.requests == [f"bytes={len(CONTENT)}-"]


def test_partial_file_of_another_address_is_not_used(server: Server, tmp_path: Path) -> None:
    (tmp_path / "data.bin.part").write_bytes(b"x" * 1000)
    (tmp_path / "data.bin.part.json").write_text(json.dumps({"url": "http://other", "tag": ""}))
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.requests == [None]


@pytest.mark.parametrize("code", [429, 500, 503])
def test_passing_faults_are_tried_again(server: Server, tmp_path: Path, code: int) -> None:
    server.failures = [code, code]
    assert fetch(server, tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("code", "match"), [(404, "not there any more"), (403, "access is denied"), (410, r"HTTP 410")]
)
def test_lasting_faults_are_told_at_once(server: Server, tmp_path: Path, code: int, match: str) -> None:
    server.status = code
    with pytest.raises(DownloadError, match=match):
        fetch(server, tmp_path)
    assert len(server.requests) == 1
    assert names(tmp_path) == []


def test_wrong_checksum_is_refused_and_removed(server: Server, tmp_path: Path) -> None:
    server.content = CONTENT[:-1] + b"!"
    with pytest.raises(DownloadError, match=r"has the checksum .*; expected"):
        fetch(server, tmp_path)
    assert names(tmp_path) == []
    md5 = "md5:" + hashlib.md5(server.content).hexdigest()
    assert fetch(server, tmp_path, checksum=md5).exists()


def test_wrong_size_is_refused_before_the_transfer(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"has 1024000 bytes at the server; expected 5"):
        fetch(server, tmp_path, size=5)
    server.has_length = False
    with pytest.raises(DownloadError, match="has 1024000 bytes; expected 7"):
        fetch(server, tmp_path, size=7)


def test_unpublished_checksum_is_remembered(server: Server, tmp_path: Path) -> None:
    path = fetch(server, tmp_path, checksum="")
    path.unlink()
    server.content = CONTENT[::-1]
    with pytest.raises(DownloadError, match="has the checksum"):
        fetch(server, tmp_path, checksum="")


def test_another_file_of_that_name_is_not_taken_for_it(server: Server, tmp_path: Path) -> None:
    (tmp_path / "data.bin").write_bytes(b"mine")
    with pytest.raises(DownloadError, match="is there already but has the checksum"):
        fetch(server, tmp_path)
    with pytest.raises(DownloadError, match="is there already but has 4 bytes"):
        fetch(server, tmp_path, size=len(CONTENT))
    assert (tmp_path / "data.bin").read_bytes() == b"mine"


def test_full_disk_is_told_before_the_transfer(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr("ionbridge.datasets.download.shutil.disk_usage", lambda _: usage)
    with pytest.raises(DownloadError, match="are free in"):
        fetch(server, tmp_path)


def test_server_that_does_not_answer(tmp_path: Path) -> None:
    file = DownloadFile("data.bin", "http://127.0.0.1:9/data.bin")
    with pytest.raises(DownloadError, match="in 2 attempts"):
        download_file(file, tmp_path, attempts=2, pause=0.0, timeout=2.0)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"name": "../x"}, "plain file name"),
        ({"url": "file:///etc/passwd"}, "http or https"),
        ({"checksum": "crc:1"}, "sha256: or md5:"),
    ],
    ids=["name", "url", "checksum"],
)
def test_dangerous_entries_are_refused(change: dict[str, str], match: str) -> None:
    with pytest.raises(ConfigurationError, match=match):
        replace(DownloadFile("a", "https://x"), **change)


# ---------------------------------------------------------------- sources


def test_licence_must_be_accepted(server: Server, tmp_path: Path) -> None:
    file = DownloadFile("data.bin", server.url, checksum=SHA256)
    source = DownloadSource("own", "Own", "CC-BY-4.0", "https://page", "Me", (file,))
    with pytest.raises(ConfigurationError, match=r"published under: CC-BY-4\.0"):
        download(source, tmp_path, accept_licence=False)
    assert server.requests == []
    assert download(source, tmp_path / "new", accept_licence=True, progress=True) == [
        tmp_path / "new" / "data.bin"
    ]


def test_known_sources_are_complete() -> None:
    sources = download_sources()
    cycling = {"matr", "hust", "calce", "rwth", "tju", "xjtu", "snl", "ul_pur", "hnei"}
    assert set(sources) == cycling | {"em619", "mp_electrodes", "calisol23", "obelix"}
    for source in sources.values():
        assert source.licence
        assert source.citation
        assert source.page.startswith("https://")
        assert bool(source.files) != bool(source.manual)
        assert all(file.url.startswith("https://") for file in source.files)
    assert sources["matr"].size > 10 * 2**30


def test_sources_that_cannot_be_fetched_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"cannot be fetched by a program.*choose the cells"):
        download("snl", tmp_path, accept_licence=True)
    with pytest.raises(UnknownNameError, match="nearest known: matr"):
        download("mater", tmp_path, accept_licence=True)


def test_unknown_keys_of_a_source_file(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text('[a]\ntitel = "x"\n')
    with pytest.raises(ConfigurationError, match=r"source 'a' of s\.toml"):
        read_sources(tmp_path / "s.toml")
