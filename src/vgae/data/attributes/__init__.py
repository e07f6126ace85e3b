"""Tables of node attributes -> feature matrices, by a record that encodes later tables alike.

Tables come from files and data frames alike. A new kind of column is a subclass of
`FeatureColumn`, added to `KINDS` and to the record.
"""

from vgae.data.attributes.columns import is_missing
from vgae.data.attributes.encoding import (
    AttributeEncoding,
    check_choices,
    encode,
    feature_names,
    fit_encoding,
)
from vgae.data.attributes.keys import (
    INDEX,
    IndexKind,
    advice_on_keys,
    key_column,
    key_words,
    named_key,
    share_of_nodes,
)
from vgae.data.attributes.rows import (
    NodeRows,
    attribute_columns,
    encode_later,
    with_attributes,
    with_matrix,
)

__all__ = [
    "INDEX",
    "AttributeEncoding",
    "IndexKind",
    "NodeRows",
    "advice_on_keys",
    "attribute_columns",
    "check_choices",
    "encode",
    "encode_later",
    "feature_names",
    "fit_encoding",
    "is_missing",
    "key_column",
    "key_words",
    "named_key",
    "share_of_nodes",
    "with_attributes",
    "with_matrix",
]
