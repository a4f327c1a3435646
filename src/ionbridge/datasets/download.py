"""Fetching public data from their publishers: resumable, checked, whole or not at all.

What can be fetched stands in ``download_sources.toml``; understanding it is the readers' work.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import logging
import os
import shutil
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn

from ionbridge import __version__
from ionbridge.exceptions import ConfigurationError, IonBridgeError, UnknownNameError

__all__ = [
    "DownloadError",
    "DownloadFile",
    "DownloadSource",
    "download",
    "download_file",
    "download_sources",
    "read_sources",
]

logger = logging.getLogger(__name__)
BLOCK = 2**18
ATTEMPTS = 5
RECEIPTS = "downloads.json"
_PASSING = (408, 425, 429, 500, 502, 503, 504)
_MARGIN = 64 * 2**20


class DownloadError(IonBridgeError, OSError):
    """A file could not be fetched, or is not the one that was expected."""


@dataclass(frozen=True, slots=True)
class DownloadFile:
    """One file of a source.

    Parameters
    ----------
    name : under which it is stored.
    url : http or https.
    size : [bytes]; 0 where unknown.
    checksum : ``sha256:...`` or ``md5:...``; empty where none is published.
    """

    name: str
    url: str
    size: int = 0
    checksum: str = ""

    def __post_init__(self) -> None:
        if Path(self.name).name != self.name or self.name.startswith("."):
            raise ConfigurationError(f"'name' of DownloadFile must be a plain file name; got {self.name!r}.")
        if not self.url.startswith(("https://", "http://")):
            raise ConfigurationError(f"'url' of {self.name!r} must be http or https; got {self.url!r}.")
        if self.checksum and self.checksum.partition(":")[0] not in ("sha256", "md5"):
            raise ConfigurationError(
                f"'checksum' of {self.name!r} must begin with sha256: or md5:; got {self.checksum!r}."
            )


@dataclass(frozen=True, slots=True)
class DownloadSource:
    """A public data set.

    Parameters
    ----------
    name, title : what it is.
    licence, citation, page : terms, how to cite, where the publisher describes it.
    files : in the order of fetching; empty where only `manual` says what to do.
    reader : registered reader of its files.
    note, manual : what a person must know or do.
    """

    name: str
    title: str
    licence: str
    page: str
    citation: str
    files: tuple[DownloadFile, ...] = ()
    reader: str = ""
    note: str = ""
    manual: str = ""

    @property
    def size(self) -> int:
        """Sum of the known sizes [bytes]; 0 where one is not known."""
        sizes = [file.size for file in self.files]
        return sum(sizes) if all(sizes) else 0

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary."""
        return {
            **{
                key: getattr(self, key)
                for key in (
                    "name",
                    "title",
                    "licence",
                    "page",
                    "citation",
                    "reader",
                    "note",
                    "manual",
                    "size",
                )
            },
            "files": [
                {"name": f.name, "url": f.url, "size": f.size, "checksum": f.checksum} for f in self.files
            ],
        }


def read_sources(path: str | Path) -> dict[str, DownloadSource]:
    """Read a list of sources from TOML.

    Raises
    ------
    ConfigurationError
        If it has unknown or missing keys.
    """
    content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    sources = {}
    for name, values in content.items():
        try:
            files = tuple(DownloadFile(**file) for file in values.pop("files", []))
            sources[name] = DownloadSource(name=name, files=files, **values)
        except TypeError as error:
            raise ConfigurationError(
                f"source {name!r} of {Path(path).name}: {error}. Correct its keys."
            ) from error
    return sources


@lru_cache(maxsize=1)
def download_sources() -> Mapping[str, DownloadSource]:
    """Every source that ionbridge knows, by name."""
    return read_sources(Path(__file__).with_name("download_sources.toml"))


def download(
    source: str | DownloadSource,
    folder: str | Path,
    *,
    accept_licence: bool,
    progress: bool = False,
    attempts: int = ATTEMPTS,
) -> list[Path]:
    """Fetch all files of a source that are not there yet.

    An interrupted transfer is kept as ``NAME.part`` and continued by the next call. Sizes and
    checksums are checked before a file gets its name; ``downloads.json`` in the folder notes
    address, size, sha256 and licence of each.

    Parameters
    ----------
    source : name of one in `download_sources`, or one of your own.
    folder : created if need be.
    accept_licence : must be True; the licence is that of the publisher.
    progress : show a bar on stderr.
    attempts : how often each file is tried while the connection fails.

    Returns
    -------
    Paths of the files.

    Raises
    ------
    UnknownNameError
        If there is no such source.
    ConfigurationError
        If the licence is not accepted.
    DownloadError
        If a file cannot be fetched or is not as expected.
    """
    if isinstance(source, str):
        known = download_sources()
        if source not in known:
            raise UnknownNameError.for_name(source, known, "data source")
        source = known[source]
    if source.manual and not source.files:
        raise DownloadError(
            f"{source.name!r} cannot be fetched by a program. {source.manual} Page: {source.page}"
        )
    if not accept_licence:
        raise ConfigurationError(
            f"{source.name!r} is published under: {source.licence} ({source.page}). Read it, then accept it."
        )
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return [
        download_file(
            file, folder, page=source.page, licence=source.licence, progress=progress, attempts=attempts
        )
        for file in source.files
    ]


def download_file(
    file: DownloadFile,
    folder: str | Path,
    *,
    page: str = "",
    licence: str = "",
    progress: bool = False,
    attempts: int = ATTEMPTS,
    pause: float = 1.0,
    timeout: float = 60.0,
) -> Path:
    """Fetch one file; see `download`.

    Parameters
    ----------
    file : what to fetch.
    folder : where to; must exist.
    page, licence : for messages and the receipt.
    progress : show a bar on stderr.
    attempts : how often it is tried while the connection fails.
    pause : before the second attempt [s]; doubled each time.
    timeout : of the connection [s].

    Raises
    ------
    DownloadError
        If it cannot be fetched or is not as expected.
    """
    folder = Path(folder)
    target, partial = folder / file.name, folder / f"{file.name}.part"
    receipts = _read_receipts(folder)
    if target.exists():
        _check_present(target, file, receipts.get(file.name, {}))
        logger.info("%s is there already", target)
        return target
    with _bar(file, progress) as bar:
        for attempt in range(1, attempts + 1):
            try:
                _transfer(file, partial, bar, timeout)
                break
            except _Passing as error:
                kept = partial.stat().st_size if partial.exists() else 0
                if attempt == attempts:
                    raise DownloadError(
                        f"{file.name} could not be fetched in {attempts} attempts: {error}. {kept} bytes are kept; "
                        f"run the same again to go on. Address: {file.url}"
                    ) from error
                logger.info("%s: %s; attempt %d of %d", file.name, error, attempt + 1, attempts)
                time.sleep(pause * 2 ** (attempt - 1))
            except urllib.error.HTTPError as error:
                _refuse(file, error, page)
    digests = _digests(partial)
    expected = file.checksum or receipts.get(file.name, {}).get("sha256", "")
    _verify(partial, file, digests, expected)
    os.replace(partial, target)
    _state_path(partial).unlink(missing_ok=True)
    receipts[file.name] = {
        "url": file.url,
        "size": target.stat().st_size,
        "sha256": digests["sha256"],
        "licence": licence,
        "fetched": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    _write_json(folder / RECEIPTS, receipts)
    return target


class _Passing(Exception):
    """A fault of the connection that may pass."""


def _refuse(file: DownloadFile, error: urllib.error.HTTPError, page: str) -> NoReturn:
    where = f" Look on its page: {page}." if page else ""
    reason = {404: "it is not there any more", 403: "access is denied", 401: "it needs a login"}
    raise DownloadError(
        f"{file.name} cannot be fetched: {reason.get(error.code, error.reason)} (HTTP {error.code}).{where} "
        f"Address: {file.url}"
    ) from error


def _transfer(file: DownloadFile, partial: Path, bar: Any, timeout: float) -> None:
    """Fetch what is still missing of the partial file; may leave it longer but incomplete."""
    start = partial.stat().st_size if partial.exists() else 0
    state = _read_json(_state_path(partial)) if start else {}
    if start and (state.get("url") != file.url or (file.size and start > file.size)):
        start, state = 0, {}
    if file.size and start == file.size:
        bar.update(start - bar.n)
        return
    headers = {"User-Agent": f"ionbridge/{__version__}", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
        if state.get("tag"):
            headers["If-Range"] = state["tag"]
    request = urllib.request.Request(file.url, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            resumed = answer.status == 206 and _range_start(answer) == start
            if answer.status == 206 and not resumed:
                partial.unlink(missing_ok=True)
                raise _Passing("the server sent another part than was asked for")
            _receive(file, answer, partial, start if resumed else 0, bar)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # nothing behind what we have: begin anew, unless it is all there
            if _is_whole(error, start):
                return
            partial.unlink(missing_ok=True)
            raise _Passing("the file changed at the server") from error
        if error.code in _PASSING:
            raise _Passing(f"HTTP {error.code} {error.reason}") from error
        raise
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
        raise _Passing(str(getattr(error, "reason", "") or error or type(error).__name__)) from error


def _receive(file: DownloadFile, answer: Any, partial: Path, start: int, bar: Any) -> None:
    length = answer.headers.get("Content-Length")
    total = start + int(length) if length and length.isdigit() else 0
    if file.size and total and total != file.size:
        partial.unlink(missing_ok=True)
        raise DownloadError(
            f"{file.name} has {total} bytes at the server; expected {file.size}. The publisher changed it: look for a "
            f"newer ionbridge. Address: {file.url}"
        )
    _require_room(partial.parent, (total or file.size) - start, file.name)
    tag = answer.headers.get("ETag", "")
    state = {
        "url": file.url,
        "tag": "" if tag.startswith("W/") else tag or answer.headers.get("Last-Modified", ""),
    }
    _write_json(_state_path(partial), state)
    bar.total = total or file.size or None
    bar.update(start - bar.n)
    received = start
    with partial.open("ab" if start else "wb") as stream:
        while block := answer.read(BLOCK):
            stream.write(block)
            received += len(block)
            bar.update(len(block))
    if total and received < total:
        raise _Passing(f"the connection ended after {received} of {total} bytes")


def _range_start(answer: Any) -> int:
    text = str(answer.headers.get("Content-Range", "")).removeprefix("bytes").strip()
    first = text.partition("-")[0]
    return int(first) if first.isdigit() else -1


def _is_whole(error: urllib.error.HTTPError, start: int) -> bool:
    total = str(error.headers.get("Content-Range", "")).rpartition("/")[2]
    return total.isdigit() and int(total) == start


def _require_room(folder: Path, needed: int, name: str) -> None:
    free = shutil.disk_usage(folder).free
    if needed > 0 and needed + _MARGIN > free:
        raise DownloadError(
            f"{name} needs {needed / 2**30:.2f} GiB more, but only {free / 2**30:.2f} GiB are free in {folder}. "
            "Make room, or choose another folder."
        )


def _digests(path: Path) -> dict[str, str]:
    hashes = {"sha256": hashlib.sha256(), "md5": hashlib.md5(usedforsecurity=False)}
    with path.open("rb") as stream:
        while block := stream.read(2**22):
            for item in hashes.values():
                item.update(block)
    return {name: item.hexdigest() for name, item in hashes.items()}


def _verify(partial: Path, file: DownloadFile, digests: Mapping[str, str], expected: str) -> None:
    """Refuse, and remove, a file that is not the expected one."""
    size = partial.stat().st_size
    kind, _, value = expected.rpartition(":")
    found = digests[kind or "sha256"]
    fault = ""
    if file.size and size != file.size:
        fault = f"has {size} bytes; expected {file.size}"
    elif value and found != value:
        fault = f"has the checksum {found}; expected {value}"
    if fault:
        partial.unlink()
        _state_path(partial).unlink(missing_ok=True)
        raise DownloadError(
            f"{file.name} {fault}. It was damaged on the way or changed by its publisher, and is removed; try again, and "
            f"if it stays so look for a newer ionbridge. Address: {file.url}"
        )


def _check_present(target: Path, file: DownloadFile, receipt: Mapping[str, Any]) -> None:
    """Refuse to take a file for fetched that is another one."""
    size = target.stat().st_size
    expected = file.size or receipt.get("size", 0)
    fault = f"has {size} bytes; expected {expected}" if expected and size != expected else ""
    if not fault and not receipt and file.checksum:
        kind, _, value = file.checksum.partition(":")
        found = _digests(target)[kind]
        fault = "" if found == value else f"has the checksum {found}; expected {value}"
    if fault:
        raise DownloadError(f"{target} is there already but {fault}. Move it away, then fetch it again.")


def _state_path(partial: Path) -> Path:
    return partial.with_name(partial.name + ".json")


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _read_receipts(folder: Path) -> dict[str, Any]:
    return _read_json(folder / RECEIPTS)


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    partial = path.with_name(path.name + ".tmp")
    partial.write_text(json.dumps(content, indent=1), encoding="utf-8")
    os.replace(partial, path)


class _NoBar:
    n = 0
    total: int | None = None

    def update(self, n: int) -> None:
        self.n += n


@contextlib.contextmanager
def _bar(file: DownloadFile, progress: bool) -> Iterator[Any]:
    if not progress:
        yield _NoBar()
        return
    from tqdm import tqdm

    with tqdm(total=file.size or None, desc=file.name, unit="B", unit_scale=True, unit_divisor=1024) as bar:
        yield bar
