"""Searchable index of saved models in SQL; the folders are the truth and the index can be rebuilt.

Reading and writing models is `store.py`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
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
from sqlalchemy.pool import NullPool

from ionbridge.exceptions import ConfigurationError
from ionbridge.library.card import ModelCard

__all__ = ["ModelIndex"]

logger = logging.getLogger(__name__)

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
    url : SQLAlchemy address, such as ``sqlite:////path/index.sqlite`` or ``postgresql://...``.
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
            self._engine: Engine = create_engine(self._url, poolclass=NullPool)
        except (ArgumentError, NoSuchModuleError, ImportError) as error:
            raise ConfigurationError(
                f"'index_url' must be an SQLAlchemy address such as 'sqlite:////path/index.sqlite'; got {url!r} ({error})."
            ) from error
        self._create()

    def _create(self) -> None:
        try:
            _metadata.create_all(self._engine)
        except DatabaseError as error:
            path = self._url.database
            if self._url.get_backend_name() != "sqlite" or not path or not Path(path).is_file():
                raise ConfigurationError(
                    f"the index of the model library cannot be opened: {error}."
                ) from error
            logger.warning("index %s is damaged (%s); it is built anew from the folders", path, error.orig)
            Path(path).unlink()
            _metadata.create_all(self._engine)

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
        with self._engine.begin() as connection:
            for table in _TABLES:
                connection.execute(delete(table).where(table.c.root == self.root, table.c.name == card.name))
            connection.execute(
                insert(_models).values(
                    **key,
                    version=card.version,
                    created=card.created,
                    strategy=card.strategy,
                    parent=card.parent,
                    stamp=stamp,
                    text=_searchable(card),
                )
            )
            for table, values in rows.items():
                if values:
                    connection.execute(insert(table), values)

    def remove(self, names: Iterable[str]) -> None:
        """Forget models; unknown names are ignored."""
        chosen = list(names)
        with self._engine.begin() as connection:
            for table in _TABLES:
                connection.execute(delete(table).where(table.c.root == self.root, table.c.name.in_(chosen)))

    def stamps(self) -> dict[str, int]:
        """Return the stamp of every indexed model."""
        with self._engine.connect() as connection:
            found = connection.execute(
                select(_models.c.name, _models.c.stamp).where(_models.c.root == self.root)
            )
            return {name: stamp for name, stamp in found}

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
        with self._engine.connect() as connection:
            return tuple(connection.execute(query).scalars())


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
