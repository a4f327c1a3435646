"""Searchable index of saved models in SQL; the folders are the truth and the index can be rebuilt.

Reading and writing models is `store.py`.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Float,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    delete,
    func,
    insert,
    select,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, NoSuchModuleError
from sqlalchemy.pool import NullPool, StaticPool

from ionbridge.exceptions import ConfigurationError
from ionbridge.library.card import ModelCard

__all__ = ["ModelIndex"]

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

_WAIT = 10.0  # [s] for another process to release an SQLite file
_BROKEN = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_NOT_WRITABLE = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}

_metadata = MetaData()
_models = Table(
    "models",
    _metadata,
    Column("root", String(500), primary_key=True),
    Column("name", String(100), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("created", String(40), nullable=False),
    Column("strategy", String(200), nullable=False),
    Column("parent", String(100), nullable=False),
    Column("stamp", BigInteger, nullable=False),
    Column("text", Text, nullable=False),
)
_quantities = Table(
    "model_quantities",
    _metadata,
    Column("root", String(500), primary_key=True),
    Column("name", String(100), primary_key=True),
    Column("role", String(10), primary_key=True),
    Column("quantity", String(200), primary_key=True),
)
_domains = Table(
    "model_domains",
    _metadata,
    Column("root", String(500), primary_key=True),
    Column("name", String(100), primary_key=True),
    Column("role", String(10), primary_key=True),
    Column("domain", String(200), nullable=False),
    Column("chemistry", String(200), nullable=False),
)
_metrics = Table(
    "model_metrics",
    _metadata,
    Column("root", String(500), primary_key=True),
    Column("name", String(100), primary_key=True),
    Column("metric", String(200), primary_key=True),
    Column("value", Float, nullable=True),
)
_TABLES = (_models, _quantities, _domains, _metrics)


class ModelIndex:
    """SQL index of the models below one root folder; several roots can share one database.

    Parameters
    ----------
    url : SQLAlchemy address, such as ``sqlite:////path/index.sqlite`` or ``postgresql://...``;
        ``sqlite://`` keeps it in memory.
    root : folder whose models are indexed.

    Raises
    ------
    ConfigurationError
        If `url` is not an address that SQLAlchemy understands.
    """

    def __init__(self, url: str, root: Path) -> None:
        self.root = str(root)
        try:
            self._url = make_url(url)
            waiting = {"timeout": _WAIT} if self._url.get_backend_name() == "sqlite" else {}
            is_in_memory = bool(waiting) and not self._url.database
            pool = StaticPool if is_in_memory else NullPool
            self._engine: Engine = create_engine(self._url, poolclass=pool, connect_args=waiting)
        except (ArgumentError, NoSuchModuleError, ImportError) as error:
            raise ConfigurationError(
                f"'index_url' must be an SQLAlchemy address such as 'sqlite:////path/index.sqlite'; got {url!r} ({error})."
            ) from error
        self._is_open = False

    @property
    def _file(self) -> Path | None:
        """The SQLite file; None for any other database."""
        path = self._url.database
        is_file = self._url.get_backend_name() == "sqlite" and path and Path(path).is_file()
        return Path(str(path)) if is_file else None

    def _run(self, action: Callable[[Connection], Result]) -> Result:
        """Do something in one transaction, opening the index first and building it anew where it is damaged.

        Raises
        ------
        ConfigurationError
            If another process keeps it locked, or the database refuses.
        """
        try:
            try:
                return self._attempt(action)
            except DatabaseError as error:
                if _code(error) not in _BROKEN or self._file is None:
                    raise
                logger.warning(
                    "index %s is damaged (%s); it is built anew from the folders", self._file, error.orig
                )
                self._file.unlink()
                self._is_open = False
                return self._attempt(action)
        except DatabaseError as error:
            if _code(error) in _BUSY:
                raise ConfigurationError(
                    f"the index of the model library, {self._url.database}, is locked by another process and was not "
                    f"released within {_WAIT:g} s. Wait until that process is done and try again."
                ) from error
            raise ConfigurationError(
                f"the index of the model library cannot be used: {error.orig}. Check its address "
                f"{self._url.render_as_string()!r} and your rights there."
            ) from error

    def _attempt(self, action: Callable[[Connection], Result]) -> Result:
        if not self._is_open:
            self._open()
        with self._engine.begin() as connection:
            return action(connection)

    def _open(self) -> None:
        """Create what is missing; keep the index in memory where its file cannot be written."""
        try:
            _metadata.create_all(self._engine)
            if self._url.get_backend_name() == "sqlite":
                with self._engine.connect() as connection:
                    connection.exec_driver_sql("BEGIN IMMEDIATE")  # fails where writing would
                    connection.rollback()
            is_writable = self._file is None or os.access(self._file.parent, os.W_OK)
        except DatabaseError as error:
            if _code(error) not in _NOT_WRITABLE:
                raise
            is_writable = False
        if not is_writable:
            logger.info("index %s cannot be written; it is kept in memory", self._url.database)
            self._engine = create_engine("sqlite://", poolclass=StaticPool)
            _metadata.create_all(self._engine)
        self._is_open = True

    def put(self, card: ModelCard, stamp: int) -> None:
        """Insert or replace one card; `stamp` is the time [ns] its file was last changed."""
        key = {"root": self.root, "name": card.name}
        domains = [("source", card.source), ("target", card.target)]
        rows: dict[Table, list[dict[str, Any]]] = {
            _quantities: [
                {**key, "role": role, "quantity": quantity}
                for role, found in (("input", card.inputs), ("output", card.outputs))
                for quantity in {q.name for q in found}
            ],
            _domains: [
                {**key, "role": role, "domain": domain.name, "chemistry": domain.chemistry}
                for role, domain in domains
                if domain is not None
            ],
            _metrics: [{**key, "metric": metric, "value": m.value} for metric, m in card.metrics.items()],
        }
        rows[_models] = [
            {
                **key,
                "version": card.version,
                "created": card.created,
                "strategy": card.strategy,
                "parent": card.parent,
                "stamp": stamp,
                "text": _searchable(card),
            }
        ]

        def write(connection: Connection) -> None:
            for table in _TABLES:
                connection.execute(delete(table).where(table.c.root == self.root, table.c.name == card.name))
                if rows[table]:
                    connection.execute(insert(table), rows[table])

        self._run(write)

    def remove(self, names: Iterable[str]) -> None:
        """Forget models; unknown names are ignored."""
        chosen = list(names)
        if not chosen:
            return

        def forget(connection: Connection) -> None:
            for table in _TABLES:
                connection.execute(delete(table).where(table.c.root == self.root, table.c.name.in_(chosen)))

        self._run(forget)

    def stamps(self) -> dict[str, int]:
        """Return the stamp of every indexed model."""
        query = select(_models.c.name, _models.c.stamp).where(_models.c.root == self.root)
        return self._run(lambda connection: {name: stamp for name, stamp in connection.execute(query)})

    def search(
        self,
        *,
        quantity: str | None = None,
        chemistry: str | None = None,
        strategy: str | None = None,
        text: str | None = None,
    ) -> tuple[str, ...]:
        """Return the names of the models that fit every given filter, newest first.

        Parameters
        ----------
        quantity : exact name of an input or output.
        chemistry : part of the name or chemistry of the source or target domain, any case.
        strategy : exact name.
        text : words that must all occur somewhere in the card, any case.
        """
        query = select(_models.c.name).where(_models.c.root == self.root)
        if quantity is not None:
            having = select(_quantities.c.name).where(
                _quantities.c.root == self.root, _quantities.c.quantity == quantity
            )
            query = query.where(_models.c.name.in_(having))
        if chemistry is not None:
            part = chemistry.lower()
            fits = func.lower(_domains.c.domain).contains(part, autoescape=True) | func.lower(
                _domains.c.chemistry
            ).contains(part, autoescape=True)
            query = query.where(
                _models.c.name.in_(select(_domains.c.name).where(_domains.c.root == self.root, fits))
            )
        if strategy is not None:
            query = query.where(_models.c.strategy == strategy)
        for word in (text or "").lower().split():
            query = query.where(_models.c.text.contains(word, autoescape=True))
        query = query.order_by(_models.c.created.desc(), _models.c.name)
        return self._run(lambda connection: tuple(connection.execute(query).scalars()))


def _code(error: DatabaseError) -> int | None:
    """Primary result code of SQLite; None for other databases."""
    code = getattr(error.orig, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def _searchable(card: ModelCard) -> str:
    quantities = [text for q in (*card.inputs, *card.outputs) for text in (q.name, q.description, *q.aliases)]
    domains = [text for d in (card.source, card.target) if d is not None for text in d.to_dict().values()]
    parts = [
        card.name,
        card.strategy,
        card.verdict,
        card.licence,
        card.notes,
        *card.tags,
        *quantities,
        *domains,
    ]
    return "\n".join(str(part) for part in parts).lower()
