"""What is asked of a table: its columns of ids, groups, labels and metadata, and which rows count."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from dermoscopy.data.raw.label_rules import LabelRule
from dermoscopy.data.table_files import plain


class Asked(NamedTuple):
    """What is asked of a table.

    Attributes:
        id_column: column of the ids of images.
        group_columns: columns of groups; of several at least one must exist.
        columns: rule of each label: `column`, `column=value` or `column=value|value`.
        metadata: name to column; a column that no file has is noted.
        where: rules that an image must meet, else it is left out.
        skip: whether to leave out images without a row; otherwise each is a problem.
    """

    id_column: str
    group_columns: Sequence[str] = ()
    columns: Mapping[str, str] = MappingProxyType({})
    metadata: Mapping[str, str] = MappingProxyType({})
    where: Sequence[str] = ()
    skip: bool = False


class Columns(NamedTuple):
    """Columns of a table: of ids, of groups, those that rules read, and those of metadata by their name."""

    id: str
    groups: tuple[str, ...]
    rules: tuple[LabelRule, ...]
    where: tuple[LabelRule, ...]
    metadata: Mapping[str, str]

    @classmethod
    def of(cls, asked: Asked) -> "Columns":
        """Return the columns that are asked for.

        Raises:
            ValueError: a rule cannot be read.
        """
        return cls(
            plain(str(asked.id_column)),
            tuple(map(plain, asked.group_columns)),
            tuple(LabelRule.parse(name, text) for name, text in asked.columns.items()),
            tuple(LabelRule.parse(str(text), text, "data.source.where") for text in asked.where),
            {str(name): plain(str(column)) for name, column in asked.metadata.items()},
        )

    def settings(self) -> dict[str, str]:
        """Return the setting that names each column that the table must have."""
        of_ids = {self.id: "data.source.id_column"}
        of_groups = {self.groups[0]: "data.source.group_column"} if len(self.groups) == 1 else {}
        named = [(column, rule.name) for rule in reversed(self.rules) for column in reversed(rule.columns)]
        of_labels = {column: f"data.source.columns.{name}" for column, name in named}
        of_filters = {column: "data.source.where" for rule in self.where for column in rule.columns}
        return {**of_ids, **of_filters, **of_groups, **of_labels} | of_ids
