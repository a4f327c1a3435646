"""The model library: save, load, search, compare, delete and exchange fitted models.

One folder a model (`store.py`), one searchable index (`index.py`), one zip for exchange (`crate.py`).
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from ionbridge.exceptions import ConfigurationError, ModelFileError, UnknownNameError
from ionbridge.library.card import ModelCard, card_of
from ionbridge.library.crate import read_crate, write_crate
from ionbridge.library.index import ModelIndex
from ionbridge.library.store import (
    CARD,
    WEIGHTS,
    check_name,
    locked,
    read_card,
    read_model,
    replacing,
    verify,
    write_model,
)

__all__ = ["ModelLibrary", "default_root", "pretrained_root"]

logger = logging.getLogger(__name__)


def default_root() -> Path:
    """Return the folder of the library: ``$IONBRIDGE_LIBRARY``, else the user's data folder."""
    chosen = os.environ.get("IONBRIDGE_LIBRARY")
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return base / "ionbridge" / "models"


def pretrained_root() -> Path:
    """Return the folder of the models that come with ionbridge; a generator saves to ``ModelLibrary`` there."""
    return Path(__file__).resolve().parent / "pretrained"


class ModelLibrary:
    """Saved models in one folder, with an index that can always be rebuilt from it.

    Models that come with ionbridge are seen beside one's own; they can be read, never changed or
    deleted. An own model of the same name takes precedence, until it is deleted.

    Parameters
    ----------
    root : folder of the models; None for `default_root`.
    index_url : SQLAlchemy address of the index; None for an SQLite file in `root`.
    shipped : folder of further models that are only read; None for none, True for `pretrained_root`.
    """

    def __init__(
        self,
        root: Path | str | None = None,
        index_url: str | None = None,
        *,
        shipped: Path | str | Literal[True] | None = True,
    ) -> None:
        self.root = (default_root() if root is None else Path(root)).expanduser().resolve()
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(
                f"the model library {self.root} cannot be created ({error.strerror}); give another folder or set "
                "the environment variable IONBRIDGE_LIBRARY."
            ) from error
        is_pretrained = self.root == pretrained_root()  # part of a package: no index file is left there
        default_url = "sqlite://" if is_pretrained else f"sqlite:///{self.root / 'index.sqlite'}"
        self._index = ModelIndex(index_url or default_url, self.root)
        folder = pretrained_root() if shipped is True else shipped
        self._shipped: ModelLibrary | None = None
        if folder is not None and Path(folder).is_dir() and Path(folder).resolve() != self.root:
            self._shipped = ModelLibrary(folder, "sqlite://", shipped=None)

    def save(
        self,
        model: Any,
        name: str,
        *,
        metrics: Mapping[str, Any] | None = None,
        verdict: str = "",
        licence: str = "",
        parent: str | None = None,
        tags: Sequence[str] = (),
        notes: str = "",
        overwrite: bool = False,
    ) -> ModelCard:
        """Save a fitted model under `name`.

        Parameters
        ----------
        metrics : values by name: a number, a pair (value, spread) or a `Metric`.
        parent : name of the saved model that this one was derived from.
        overwrite : replace the model of this name; its version counts up.

        Raises
        ------
        ConfigurationError
            If the name is not valid or taken, or something in the model cannot be saved.
        UnknownNameError
            If there is no model `parent`.
        """
        folder = self.root / check_name(name)
        self._next_version(name, overwrite)  # refuses a taken name before anything is taken apart
        card = card_of(
            model, name, metrics=metrics, verdict=verdict, licence=licence, tags=tuple(tags), notes=notes
        )
        if parent is not None:
            ancestor = self.card(parent)
            card = replace(card, parent=parent, parent_sha256=ancestor.files.get(WEIGHTS, ""))
        # two processes never share a version, nor replace what was not to be replaced
        with locked(self.root):
            card = replace(card, version=self._next_version(name, overwrite))
            card = write_model(folder, model, card)
        self._update_index(lambda: self._index.put(card, _stamp(folder)))
        return card

    def load(self, name: str) -> Any:
        """Rebuild a saved model; its files are checked against its card first.

        Raises
        ------
        UnknownNameError, ModelFileError
        """
        return read_model(self._folder(name))

    def card(self, name: str) -> ModelCard:
        """Read the card of a saved model.

        Raises
        ------
        UnknownNameError, ModelFileError
        """
        return read_card(self._folder(name))

    def names(self, *, shipped: bool = True) -> tuple[str, ...]:
        """Return the names of all models, sorted; only of one's own where not `shipped`."""
        folders = (path for path in self.root.iterdir() if not path.name.startswith("."))
        found = {path.name for path in folders if _is_model(path)}
        if shipped and self._shipped is not None:
            found |= set(self._shipped.names())
        return tuple(sorted(found))

    def is_shipped(self, name: str) -> bool:
        """Tell whether a model comes with ionbridge, and thus cannot be changed or deleted.

        Raises
        ------
        UnknownNameError
        """
        return self._folder(name).parent != self.root

    def annotate(
        self,
        name: str,
        *,
        notes: str | None = None,
        tags: Sequence[str] | None = None,
        licence: str | None = None,
    ) -> ModelCard:
        """Change what people write on a card; None leaves a field as it is."""
        folder = self._own_folder(name, "changed")
        card = read_card(folder)
        given: dict[str, Any] = {
            "notes": notes,
            "tags": None if tags is None else tuple(tags),
            "licence": licence,
        }
        card = replace(card, **{key: value for key, value in given.items() if value is not None})
        temporary = folder / f".{CARD}.part"
        temporary.write_text(card.to_json(), encoding="utf-8")
        temporary.replace(folder / CARD)
        self._update_index(lambda: self._index.put(card, _stamp(folder)))
        return card

    def compare(self, names: Sequence[str]) -> pd.DataFrame:
        """Put models side by side: one row a model, with what it predicts and every metric."""
        rows = []
        for name in names:
            card = self.card(name)
            row: dict[str, Any] = {
                "model": name,
                "version": card.version,
                "outputs": ", ".join(q.name for q in card.outputs),
                "strategy": card.strategy,
                "source": card.source.name if card.source else "",
                "target": card.target.name if card.target else "",
                **{f"n_{role}_rows": count for role, count in card.n_rows.items()},
            }
            for metric, m in card.metrics.items():
                label = f"{metric} [{m.unit}]" if m.unit else metric
                row[label] = m.value
                if m.spread is not None:
                    row[f"{label} spread"] = m.spread
            rows.append({**row, "verdict": card.verdict, "licence": card.licence, "created": card.created})
        return pd.DataFrame(rows).set_index("model") if rows else pd.DataFrame()

    def delete(self, name: str) -> None:
        """Delete a saved model, also a damaged one.

        Raises
        ------
        UnknownNameError
        ConfigurationError
            If the folder of that name is not a saved model, or the model comes with ionbridge.
        """
        shutil.rmtree(self._own_folder(name, "deleted"))
        self._update_index(lambda: self._index.remove([name]))

    def lineage(self, name: str) -> tuple[ModelCard, ...]:
        """Return the cards of a model, its parent, its grandparent and so on, as far as they are kept."""
        cards = [self.card(name)]
        while cards[-1].parent in self.names() and cards[-1].parent not in {card.name for card in cards}:
            cards.append(self.card(cards[-1].parent))
        return tuple(cards)

    def export(self, name: str, path: Path | str) -> Path:
        """Write a model to the zip file `path` as an RO-Crate, for `import_` elsewhere.

        Raises
        ------
        UnknownNameError, ModelFileError
        """
        folder = self._folder(name)
        card = read_card(folder)
        verify(folder, card)
        return write_crate(folder, card, Path(path))

    def import_(self, path: Path | str, *, name: str | None = None, overwrite: bool = False) -> ModelCard:
        """Add a model that `export` wrote; `name` renames it.

        Raises
        ------
        ModelFileError
            If the file is not an unaltered exported model.
        ConfigurationError
            If the name is taken.
        """
        with tempfile.TemporaryDirectory(prefix=".new-", dir=self.root) as unpacked:
            folder = Path(unpacked)
            read_crate(Path(path), folder)
            try:
                card = read_card(folder)
                verify(folder, card)
            except ModelFileError as error:
                raise ModelFileError(str(error).replace(unpacked, str(path))) from error
            new_name = check_name(card.name if name is None else name)
            with locked(self.root), replacing(self.root / new_name) as temporary:
                version = self._next_version(new_name, overwrite, card.version)
                card = replace(card, name=new_name, version=version)
                (temporary / CARD).write_text(card.to_json(), encoding="utf-8")
                shutil.move(folder / WEIGHTS, temporary / WEIGHTS)
        self._update_index(lambda: self._index.put(card, _stamp(self.root / new_name)))
        return card

    def reindex(self) -> tuple[str, ...]:
        """Build the index anew from the folders; return the names of models whose card cannot be read."""
        self._index.remove(self._index.stamps())
        return self._synchronise()

    def _update_index(self, update: Callable[[], None]) -> None:
        """Update the index after the folders; `list` catches up where the index is locked just now."""
        try:
            update()
        except ConfigurationError as error:
            logger.warning("%s The models themselves are up to date.", error)

    def _synchronise(self) -> tuple[str, ...]:
        """Bring the index up to date with the folders; return the names of unreadable cards."""
        known, unreadable = self._index.stamps(), []
        present = self.names(shipped=False)
        self._index.remove(set(known) - set(present))
        for name in present:
            folder = self.root / name
            try:
                if known.get(name) != _stamp(folder):
                    self._index.put(read_card(folder), _stamp(folder))
            except (ModelFileError, FileNotFoundError) as error:
                logger.warning("model %r is left out of the list: %s", name, error)
                self._index.remove([name])
                unreadable.append(name)
        return tuple(unreadable)

    def _folder(self, name: str) -> Path:
        folder = self.root / check_name(name)
        if not folder.is_dir() and self._shipped is not None and name in self._shipped.names():
            return self._shipped.root / name
        if not folder.is_dir():
            raise UnknownNameError.for_name(
                name, self.names(), "model", f"The library is {self.root}; 'ionbridge models list' shows it."
            )
        _require_model(folder)
        return folder

    def require_own(self, names: Sequence[str]) -> None:
        """Check that all of these models exist and may be deleted.

        Raises
        ------
        UnknownNameError
        ConfigurationError
            If one of them comes with ionbridge or is not a saved model.
        """
        for name in names:
            self._own_folder(name, "deleted")

    def _own_folder(self, name: str, change: str) -> Path:
        """Folder of a model that may be changed; `change` is a participle, for the message."""
        if self.is_shipped(name):
            raise ConfigurationError(
                f"model {name!r} comes with ionbridge and cannot be {change}. A model of your own that you save "
                "under this name is used in its place."
            )
        return self.root / name

    def _next_version(self, name: str, overwrite: bool, first: int = 1) -> int:
        folder = self.root / name
        if not folder.exists():
            return first
        _require_model(folder)
        if not overwrite:
            raise ConfigurationError(
                f"there is already a model {name!r} in {self.root}; choose another name or pass overwrite=True."
            )
        try:
            return read_card(folder).version + 1
        except ModelFileError:
            return first

    def list(
        self,
        *,
        quantity: str | None = None,
        chemistry: str | None = None,
        strategy: str | None = None,
        text: str | None = None,
        shipped: bool = True,
    ) -> tuple[ModelCard, ...]:
        """Return the cards of all models that fit every given filter: one's own, newest first, then shipped ones.

        Models whose card cannot be read are left out and logged; `load` says what is wrong.

        Parameters
        ----------
        quantity : name of an input or output.
        chemistry : part of the name or chemistry of the source or target domain, any case.
        strategy : exact name.
        text : words that must all occur somewhere in the card, any case.
        shipped : whether those that come with ionbridge are listed as well.
        """
        self._synchronise()
        filters: dict[str, Any] = {
            "quantity": quantity,
            "chemistry": chemistry,
            "strategy": strategy,
            "text": text,
        }
        cards = [read_card(self.root / name) for name in self._index.search(**filters)]
        if shipped and self._shipped is not None:
            own = self.names(shipped=False)
            cards += [card for card in self._shipped.list(**filters) if card.name not in own]
        return tuple(cards)


def _is_model(folder: Path) -> bool:
    """Tell whether a folder holds a saved model, perhaps a damaged one."""
    return folder.is_dir() and ((folder / CARD).is_file() or (folder / WEIGHTS).is_file())


def _require_model(folder: Path) -> None:
    """Protect what is not a saved model from being read, replaced or deleted as one."""
    if not _is_model(folder):
        raise ConfigurationError(
            f"{folder} is not a saved model: it holds neither {CARD!r} nor {WEIGHTS!r}. It is left as it is; "
            "choose another name, or move it out of the library."
        )


def _stamp(folder: Path) -> int:
    return (folder / CARD).stat().st_mtime_ns
