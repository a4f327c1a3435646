"""Exchange of one model as a zip file that is an RO-Crate.

Reading takes only the files it expects, by name, so that nothing can be written elsewhere.
"""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

from ionbridge.exceptions import ModelFileError
from ionbridge.library.card import ModelCard
from ionbridge.library.store import CARD, WEIGHTS

__all__ = ["METADATA", "crate_metadata", "read_crate", "write_crate"]

METADATA = "ro-crate-metadata.json"
_MAX_CARD_BYTES = 16 * 2**20
_MAX_WEIGHT_BYTES = 8 * 2**30
_HOME = "https://w3id.org/ro/crate/1.1"


def crate_metadata(card: ModelCard, sizes: dict[str, int]) -> dict[str, Any]:
    """Describe a model as an RO-Crate 1.1; `sizes` are those of its files [byte]."""
    described = [
        {"@id": CARD, "@type": "File", "name": "model card", "encodingFormat": "application/json"},
        {
            "@id": WEIGHTS,
            "@type": "File",
            "name": "model weights",
            "encodingFormat": "application/octet-stream",
        },
    ]
    for entity in described:
        entity["contentSize"] = str(sizes[entity["@id"]])
        if entity["@id"] in card.files:
            entity["identifier"] = f"sha256:{card.files[entity['@id']]}"
    quantities = [
        {
            "@id": f"#{role}-{quantity.name}",
            "@type": "PropertyValue",
            "name": quantity.name,
            "description": quantity.description or quantity.name,
            "unitText": quantity.unit,
            **({"propertyID": quantity.iri} if quantity.iri else {}),
        }
        for role, found in (("input", card.inputs), ("output", card.outputs))
        for quantity in found
    ]
    software = {
        "@id": "#ionbridge",
        "@type": "SoftwareApplication",
        "name": "ionbridge",
        "softwareVersion": card.ionbridge_version or "unknown",
    }
    licence = {"@id": "#licence", "@type": "CreativeWork", "name": card.licence or "not stated"}
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": card.name,
        "description": card.verdict or card.notes or f"ionbridge model {card.name}",
        "datePublished": card.created or "1970-01-01",
        "version": str(card.version),
        "license": {"@id": licence["@id"]},
        "keywords": ", ".join(card.tags),
        "hasPart": [{"@id": entity["@id"]} for entity in described],
        "variableMeasured": [{"@id": quantity["@id"]} for quantity in quantities],
        "mentions": [{"@id": software["@id"]}],
    }
    descriptor = {
        "@id": METADATA,
        "@type": "CreativeWork",
        "conformsTo": {"@id": _HOME},
        "about": {"@id": "./"},
    }
    root = {key: value for key, value in root.items() if value not in ("", [])}
    return {
        "@context": f"{_HOME}/context",
        "@graph": [descriptor, root, *described, *quantities, software, licence],
    }


def write_crate(folder: Path, card: ModelCard, path: Path) -> Path:
    """Pack the model in `folder` into the zip file `path`, written whole or not at all."""
    sizes = {name: (folder / name).stat().st_size for name in (CARD, WEIGHTS)}
    metadata = json.dumps(crate_metadata(card, sizes), indent=2, ensure_ascii=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.part")
    try:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(METADATA, metadata)
            for name in (CARD, WEIGHTS):
                archive.write(folder / name, name)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def read_crate(path: Path, folder: Path) -> None:
    """Unpack the card and the weights of the zip file `path` into the existing `folder`.

    Raises
    ------
    ModelFileError
        If the file is missing, damaged, or holds anything but one exported model.
    """
    limits = {METADATA: _MAX_CARD_BYTES, CARD: _MAX_CARD_BYTES, WEIGHTS: _MAX_WEIGHT_BYTES}
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            names = [member.filename for member in members]
            if sorted(names) != sorted(limits):
                raise ModelFileError(
                    f"{path}: an exported model holds exactly {sorted(limits)}; got {sorted(names)[:6]}. "
                    "Ask for a file written by 'ionbridge models export'."
                )
            for member in members:
                if member.file_size > limits[member.filename]:
                    raise ModelFileError(
                        f"{path}: {member.filename} is larger than any model ({member.file_size} bytes)."
                    )
            for name in (CARD, WEIGHTS):
                with archive.open(name) as packed, (folder / name).open("wb") as unpacked:
                    shutil.copyfileobj(packed, unpacked)
    except FileNotFoundError as error:
        raise ModelFileError(f"{path}: the file does not exist. Check the path.") from error
    except (
        zipfile.BadZipFile,
        zipfile.LargeZipFile,
        EOFError,
        RuntimeError,
        NotImplementedError,
        OSError,
    ) as error:
        if isinstance(error, ModelFileError):
            raise
        raise ModelFileError(f"{path}: not a readable zip file ({error}). Export the model again.") from error
