"""Croissant metadata (MLCommons 1.1, JSON-LD) of a data set's repository: files, checksums, columns, responsible use.

Standard: http://mlcommons.org/croissant/1.1, with http://mlcommons.org/croissant/RAI/1.0.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from datasets import LargeList, List, Value

from dataset_scripts.build import DATA
from dataset_scripts.splits import SPLITS
from meit_hub.dataset_config import DatasetConfig

CROISSANT = "croissant.json"
PARQUET = "application/x-parquet"
_REPOSITORY = "repository"
_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_TYPES = {"string": "sc:Text", "int16": "cr:Int16", "int32": "cr:Int32", "float32": "cr:Float32"}
_LICENCES = {
    "cc-by-4.0": "https://spdx.org/licenses/CC-BY-4.0.html",
    "cc0-1.0": "https://spdx.org/licenses/CC0-1.0.html",
    "odbl": "https://spdx.org/licenses/ODbL-1.0.html",
    "odc-by": "https://spdx.org/licenses/ODC-By-1.0.html",
}
# A git repository has no checksum of its own, and the format wants one: its maintainers put their issue there.
_NO_CHECKSUM = "https://github.com/mlcommons/croissant/issues/80"


def croissant(repo_id: str, url: str, configs: Sequence[DatasetConfig], keywords: Sequence[str], published: str) -> str:
    """Describes a repository.

    Args:
        repo_id: "user/name".
        url: of the repository.
        configs: all of them.
        keywords: of the data set.
        published: date of the first publication, YYYY-MM-DD.

    Returns:
        JSON-LD.
    """
    repository = {
        "@type": "cr:FileObject",
        "@id": _REPOSITORY,
        "name": _REPOSITORY,
        "description": "The repository, of which the files below are parts.",
        "contentUrl": url,
        "encodingFormat": "git+https",
        "sha256": _NO_CHECKSUM,
    }
    described = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"],
        "name": repo_id.split("/")[1],
        "description": _descriptions(configs),
        "alternateName": [repo_id],
        "url": url,
        "version": f"{max(int(config.plan['schema']) for config in configs)}.0.0",
        "datePublished": published,
        "keywords": list(keywords),
        "inLanguage": sorted({language for config in configs for language in config.languages}),
        "license": sorted({_LICENCES.get(config.licence, config.licence) for config in configs}),
        "citeAs": "\n".join(sorted({config.citation for config in configs if config.citation})),
        **_responsible_use(configs),
        "distribution": [repository, *(file for config in configs for file in _files(config))],
        "recordSet": [_records(config) for config in configs],
    }
    return json.dumps(described, indent=1, ensure_ascii=False) + "\n"


def _descriptions(configs: Sequence[DatasetConfig]) -> str:
    return " ".join(f"{config.name}: {config.description}" for config in configs)


def _responsible_use(configs: Sequence[DatasetConfig]) -> dict[str, Any]:
    real = [config for config in configs if config.plan["builder"] != "synthetic"]
    named = ", ".join(config.name for config in real)
    personal = (
        f"Health data of persons, de-identified by the archives ({named}): the archives' own numbers stand for records "
        "and patients; age, sex, diagnoses and the recordings are in it. Do not try to find out who the patients are."
        if real
        else "None: the recordings are simulated."
    )
    return {
        "rai:dataCollection": _descriptions(configs),
        "rai:dataPreprocessingProtocol": [f"{config.name}: {_protocol(config)}" for config in configs],
        "rai:personalSensitiveInformation": personal,
        "rai:dataUseCases": "Research on models that read the electrocardiogram. Not for diagnosis or treatment.",
        "rai:dataLimitations": (
            "Reports have the habits and errors of the hospitals, persons and machines that wrote them; many occur "
            "word for word more than once. The English of other languages' reports was made by rules and a lexicon."
        ),
    }


def _protocol(config: DatasetConfig) -> str:
    options = config.plan["options"]
    return (
        f"{config.plan['sampling_rate']} Hz, filter {options['filter']}, cleaning {options['cleaning']}, splits "
        f"{options['splits']} by patient (seed {options['split_seed']}); meit-ecg schema {config.plan['schema']}"
    )


def _files(config: DatasetConfig) -> list[dict[str, Any]]:
    shards = [
        {
            "@type": "cr:FileObject",
            "@id": f"{config.name}/{note['file']}",
            "name": f"{config.name}/{note['file']}",
            "description": f"{note['rows']} rows of {note['split']}.",
            "contentUrl": f"{config.name}/{note['file']}",
            "containedIn": {"@id": _REPOSITORY},
            "contentSize": f"{note['bytes']} B",
            "encodingFormat": PARQUET,
            "sha256": note["sha256"],
        }
        for note in config.shards
    ]
    together = {
        "@type": "cr:FileSet",
        "@id": _file_set(config),
        "name": _file_set(config),
        "description": f"All shards of {config.name}.",
        "containedIn": {"@id": _REPOSITORY},
        "encodingFormat": PARQUET,
        "includes": f"{config.name}/{DATA}/*.parquet",
    }
    return [together, *shards]


def _file_set(config: DatasetConfig) -> str:
    return f"{config.name}/files"


def _records(config: DatasetConfig) -> dict[str, Any]:
    described = config.column_descriptions()
    split = {
        "@type": "cr:Field",
        "@id": f"{config.name}/split",
        "name": "split",
        "description": "The split, by the name of the file.",
        "dataType": ["cr:Split", "sc:Text"],
        "source": {
            "fileSet": {"@id": _file_set(config)},
            "extract": {"fileProperty": "filename"},
            "transform": {"regex": f"^({'|'.join(SPLITS)})-.+\\.parquet$"},
        },
    }
    fields = [
        _field(config, (column,), kind, {"description": described.get(column, column)})
        for column, kind in config.features.items()
    ]
    return {
        "@type": "cr:RecordSet",
        "@id": config.name,
        "name": config.name,
        "description": f"{config.title}: one record is one ECG; {sum(config.plan['rows'].values())} of them.",
        "key": {"@id": f"{config.name}/ecg_id"},
        "field": [split, *fields],
    }


def _field(config: DatasetConfig, path: tuple[str, ...], kind: Any, more: Mapping[str, Any]) -> dict[str, Any]:
    """Describes a column, or a part of one: (column, part)."""
    shape, inner = _shape(kind)
    array = {"isArray": True, "arrayShape": ",".join(map(str, shape))} if shape else {}
    common = {"@type": "cr:Field", "@id": "/".join((config.name, *path)), "name": path[-1], **more, **array}
    if isinstance(inner, dict):
        return {**common, "subField": [_field(config, (*path, name), part, {}) for name, part in inner.items()]}
    source: dict[str, Any] = {"fileSet": {"@id": _file_set(config)}, "extract": {"column": path[0]}}
    if len(path) > 1:
        source["transform"] = {"jsonPath": path[-1]}
    return {**common, "dataType": _TYPES[inner.dtype], "source": source}


def _shape(kind: Any) -> tuple[list[int], dict[str, Any] | Value]:
    """Returns the sizes of nested lists, -1 where a list may be of any, and what is in them."""
    shape = []
    while isinstance(kind, (List, LargeList)):
        shape.append(getattr(kind, "length", -1))
        kind = kind.feature
    return shape, kind
