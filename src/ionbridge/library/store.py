"""One model as one folder: ``weights.safetensors`` and ``card.json``, written whole or not at all.

Nothing here executes what it reads. The collection of folders is `library.py`.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import shutil
import sys
import unicodedata
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from ionbridge.exceptions import ConfigurationError, ModelFileError
from ionbridge.library.card import ModelCard
from ionbridge.models.state import State, from_state, to_state

__all__ = [
    "CARD",
    "WEIGHTS",
    "check_name",
    "file_sha256",
    "locked",
    "plain_model_name",
    "read_card",
    "read_model",
    "replacing",
    "verify",
    "write_model",
]

logger = logging.getLogger(__name__)

CARD, WEIGHTS = "card.json", "weights.safetensors"
LOCK = ".lock"
_STATE_KEY = "ionbridge_state"
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9_-])?")
_DEVICES = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)


def check_name(name: str) -> str:
    """Return `name` if it can be the folder of a model on every system.

    Raises
    ------
    ConfigurationError
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name) or _DEVICES.fullmatch(name):
        raise ConfigurationError(
            f"'name' of a model must be 1 to 100 letters, digits, '.', '_' or '-', beginning with a letter or digit; "
            f"got {name!r}. Try for example {plain_model_name(str(name)) or 'nmc-density'!r}."
        )
    return name


_SPELLED_OUT = str.maketrans({"ß": "ss", "æ": "ae", "ø": "o", "µ": "u", "μ": "u", "ł": "l", "→": "-to-"})


def plain_model_name(text: str) -> str:
    """Turn any text into the name of a model: ``Électrode (Größe 2)`` → ``Electrode-Grosse-2``; may be empty."""
    letters = unicodedata.normalize("NFKD", text.translate(_SPELLED_OUT))
    plain = "".join(character for character in letters if not unicodedata.combining(character))
    name = re.sub(r"(?:[^A-Za-z0-9._]|-)+", "-", plain)[:100].strip("-._")
    return f"model-{name}" if _DEVICES.fullmatch(name) else name


def write_model(folder: Path, model: Any, card: ModelCard) -> ModelCard:
    """Write `model` and its `card` to `folder`, replacing what is there only when all is written.

    Returns
    -------
    The card with the hashes of the files.

    Raises
    ------
    ConfigurationError
        If something in `model` cannot be saved.
    """
    state = to_state(model)
    header = json.dumps(state.config, allow_nan=False)
    weights = save(state.arrays, metadata={_STATE_KEY: header})
    card = replace(card, files={WEIGHTS: hashlib.sha256(weights).hexdigest()})
    with replacing(folder) as temporary:
        _write(temporary / WEIGHTS, weights)
        _write(temporary / CARD, card.to_json().encode())
    return card


@contextmanager
def locked(root: Path) -> Iterator[None]:
    """Let one process at a time name and replace models in `root`; a process that dies gives the lock back.

    Where the file system knows no locks, nothing is locked.
    """
    with (root / LOCK).open("a+b") as file:
        try:
            _lock(file)
        except OSError as error:  # some network file systems
            logger.debug("%s cannot be locked (%s)", root, error)
        yield


def _lock(file: IO[bytes]) -> None:
    """Wait for the lock of an open file; closing the file gives it back."""
    if sys.platform == "win32":
        import msvcrt

        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX)


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """Give an empty temporary folder that takes the place of `folder` if the block succeeds."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    mark = uuid.uuid4().hex
    temporary, old = folder.parent / f".new-{mark}", folder.parent / f".old-{mark}"
    temporary.mkdir()
    try:
        yield temporary
        if folder.exists():
            os.rename(folder, old)
        try:
            os.rename(temporary, folder)
        except OSError:
            if old.exists():
                os.rename(old, folder)
            raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if folder.exists():
            shutil.rmtree(old, ignore_errors=True)


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_card(folder: Path) -> ModelCard:
    """Read the card of the model in `folder`.

    Raises
    ------
    ModelFileError
        If the card is missing, damaged, edited or belongs to another model.
    """
    path = folder / CARD
    remedy = "Restore it from a copy, import the exported model again, or delete the model and save it anew."
    try:
        card = ModelCard.from_json(path.read_bytes().decode())
    except FileNotFoundError as error:
        raise ModelFileError(f"{path}: the card is missing. {remedy}") from error
    except UnicodeDecodeError as error:
        raise ModelFileError(f"{path}: the card is not UTF-8 text; the file is damaged. {remedy}") from error
    except ModelFileError as error:
        raise ModelFileError(f"{path}: {error} {remedy}") from error
    if card.name != folder.name and not folder.name.startswith(".new-"):
        raise ModelFileError(
            f"{path}: the card belongs to model {card.name!r}. Name the folder so, or export and import the model."
        )
    return card


def verify(folder: Path, card: ModelCard) -> None:
    """Check that the files in `folder` are those that `card` describes.

    Raises
    ------
    ModelFileError
    """
    if set(card.files) != {WEIGHTS}:
        raise ModelFileError(
            f"{folder / CARD}: the card must list exactly {WEIGHTS!r}; got {sorted(card.files)}."
        )
    path = folder / WEIGHTS
    remedy = "Restore it from a copy, import the exported model again, or train the model anew."
    if not path.is_file():
        raise ModelFileError(f"{path}: the weights are missing. {remedy}")
    found = file_sha256(path)
    if found != card.files[WEIGHTS]:
        raise ModelFileError(
            f"{path}: the weights are not those of the card (SHA-256 {found[:12]}…, expected "
            f"{card.files[WEIGHTS][:12]}…); the file is truncated, damaged or edited. {remedy}"
        )


def read_model(folder: Path) -> Any:
    """Rebuild the model in `folder`, after checking its files against its card.

    Raises
    ------
    ModelFileError
        If a file is missing, truncated, damaged or edited, or the model cannot be rebuilt by
        what is installed.
    """
    card = read_card(folder)
    verify(folder, card)
    path = folder / WEIGHTS
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        state = State(json.loads(metadata[_STATE_KEY]), arrays)
    except (SafetensorError, KeyError, ValueError, RecursionError) as error:
        raise ModelFileError(
            f"{path}: not the weights of an ionbridge model ({type(error).__name__}: {error}). Save the model again."
        ) from error
    try:
        return from_state(state)
    except ModelFileError as error:
        raise ModelFileError(f"{path} (saved by ionbridge {card.ionbridge_version}): {error}") from error
    except RecursionError as error:
        raise ModelFileError(f"{path}: the saved state is nested too deeply; the file was edited.") from error
