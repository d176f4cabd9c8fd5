"""Config dataclasses as TOML and as flags: one description, in the fields' help, for both.

A field that is a dataclass itself is a table in TOML; its own fields are flags like any other, with the
table's name before them where a name occurs twice.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import tomllib
from collections.abc import Callable, Iterator
from enum import Enum
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec
import typer

from local_rl.errors import TrainingError


@dataclasses.dataclass(frozen=True)
class Option:
    """A field that is no table."""

    path: tuple[str, ...]
    kind: Any
    default: Any
    help: str
    flag: str = ""

    @property
    def parameter(self) -> str:
        return self.flag.replace("-", "_")


def options(config_type: type[Any]) -> list[Option]:
    found = list(_fields(config_type, ()))
    names = [option.path[-1] for option in found]
    return [
        dataclasses.replace(
            option,
            flag="-".join(
                option.path if names.count(option.path[-1]) > 1 and len(option.path) > 1 else option.path[-1:]
            ).replace("_", "-"),
        )
        for option in found
    ]


def to_toml(config: Any) -> str:
    """Every field, with its help as a comment."""
    tables: dict[tuple[str, ...], list[str]] = {(): []}
    for option in options(type(config)):
        value = config
        for name in option.path:
            value = getattr(value, name)
        lines = tables.setdefault(option.path[:-1], [])
        if option.help:
            lines.append(f"# {option.help}")
        if value is None:
            lines.append(f"# {option.path[-1]} =")
        else:
            lines.append(f"{option.path[-1]} = {_literal(value)}")
    parts = []
    for table, lines in tables.items():
        heading = [f"[{'.'.join(table)}]"] if table else []
        parts.append("\n".join([*heading, *lines]))
    return "\n\n".join(part for part in parts if part) + "\n"


def from_toml(config_type: type[Any], text: str, where: str) -> Any:
    """Raises TrainingError naming the field that is unknown or of another type."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TrainingError(f"{where} is no TOML ({error}).") from None
    return from_values(config_type, values, where)


def from_values(config_type: type[Any], values: dict[str, Any], where: str) -> Any:
    known = {option.path for option in options(config_type)}
    for path in _leaves(values, ()):
        if path not in known:
            raise TrainingError(f"{where} sets '{'.'.join(path)}', which there is not.")
    try:
        return msgspec.convert(values, config_type, strict=False)
    except msgspec.ValidationError as error:
        raise TrainingError(f"{where} cannot be used: {error}.") from None


def with_flags(config: Any, given: dict[str, Any]) -> Any:
    """The config with the flags that were given (those not None), by parameter name."""
    changed = config
    for option in options(type(config)):
        value = given.get(option.parameter)
        if value is not None and value != []:
            changed = _replaced(changed, option.path, tuple(value) if isinstance(value, list) else value)
    return changed


def command_of(
    config_type: type[Any], body: Callable[..., None], extra: dict[str, Any]
) -> Callable[..., None]:
    """A function for Typer whose parameters are the config's flags and `extra` (name -> annotated type).

    `body` gets the flags as a dictionary, and the extra ones by name; flags not given are None.
    """
    parameters = []
    for option in options(config_type):
        declared = f"--{option.flag}"
        kind = _flag_type(option.kind)
        if kind is bool:
            declared = f"--{option.flag}/--no-{option.flag}"
        text = f"{option.help} [default: {_shown(option.default)}]"
        annotation = Annotated[kind | None, typer.Option(declared, help=text, show_default=False)]  # type: ignore[valid-type]
        parameters.append(_parameter(option.parameter, annotation, None))
    for name, (annotation, default) in extra.items():
        parameters.append(_parameter(name, annotation, default))

    def command(**given: Any) -> None:
        own = {name: given.pop(name) for name in extra}
        body(given, **own)

    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    command.__doc__ = body.__doc__
    return command


def _parameter(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _fields(config_type: type[Any], path: tuple[str, ...]) -> Iterator[Option]:
    hints = get_type_hints(config_type)
    for field in dataclasses.fields(config_type):
        kind, here = hints[field.name], (*path, field.name)
        if dataclasses.is_dataclass(kind):
            assert isinstance(kind, type)
            yield from _fields(kind, here)
            continue
        default = field.default
        if default is dataclasses.MISSING and field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        yield Option(path=here, kind=kind, default=default, help=field.metadata.get("help", ""))


def _flag_type(kind: Any) -> Any:
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        (kind,) = [part for part in get_args(kind) if part is not type(None)]
        origin = get_origin(kind)
    if origin is tuple:
        return list[get_args(kind)[0]]  # type: ignore[misc]
    return kind


def _replaced(config: Any, path: tuple[str, ...], value: Any) -> Any:
    name, *rest = path
    inner = _replaced(getattr(config, name), tuple(rest), value) if rest else value
    return dataclasses.replace(config, **{name: inner})


def _leaves(values: dict[str, Any], path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _leaves(value, (*path, name))
        else:
            yield (*path, name)


def _literal(value: Any) -> str:
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, tuple | list):
        return f"[{', '.join(_literal(item) for item in value)}]"
    return json.dumps(str(value), ensure_ascii=False)


def _shown(value: Any) -> str:
    if isinstance(value, Enum):
        return str(value.value)
    if value in ("", (), None):
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
