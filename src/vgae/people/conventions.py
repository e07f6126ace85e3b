"""scikit-learn's conventions for estimators, followed without importing scikit-learn.

The import would cost every fit a second and 120 MB. All that is needed are the methods that
`clone`, `Pipeline` and `GridSearchCV` call.
"""

from __future__ import annotations

import inspect
import reprlib
import sys
from collections.abc import Iterable, Mapping
from typing import Any, Literal, Self

from vgae.ground.errors import nearest, not_fitted, unknown_name
from vgae.ground.notebook import FRAMES, vector_frame

__all__ = ["Estimator", "keyword_signature"]


BRIEF = reprlib.Repr()
BRIEF.maxother = 200  # 30 would cut a graph short
"""How parameters are shown: a list of a million pairs is shortened."""


def keyword_signature(defaults: Mapping[str, Any]) -> inspect.Signature:
    """The signature of a constructor that takes these keywords, with their defaults.

    Examples
    --------
    >>> print(keyword_signature({"steps": 200}))
    (*, steps=200)
    """
    return inspect.Signature(
        [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default)
            for name, default in defaults.items()
        ]
    )


class Estimator:
    """Base class of estimators that scikit-learn's tools can clone, search and chain.

    A subclass stores every parameter of its constructor, unchanged, in an attribute of the same
    name. What its `fit` learns has names that end in an underscore, each annotated in the body of
    the class.
    """

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters by name, as they were given.

        Parameters
        ----------
        deep
            Whether to include the parameters of a parameter that is an estimator, as
            `outer__inner`.

        Examples
        --------
        >>> from vgae import GAE
        >>> GAE(latent_dim=4).get_params()["latent_dim"]
        4
        """
        found = {name: getattr(self, name) for name in self._parameters()}
        if deep:
            for name, value in list(found.items()):
                if isinstance(value, Estimator):
                    found |= {f"{name}__{key}": item for key, item in value.get_params().items()}
        return found

    def set_params(self, **params: Any) -> Self:
        """Change parameters; what a fitted estimator has learned does not change.

        Parameters
        ----------
        **params
            New values by name. All are checked before any is changed. `outer__inner` names the
            parameter `inner` of the estimator `outer`.

        Raises
        ------
        InputError
            A name is unknown or a value is not allowed.

        Examples
        --------
        >>> from vgae import GAE
        >>> GAE().set_params(latent_dim=4, steps=5)
        GAE(latent_dim=4, steps=5)
        """
        own: dict[str, Any] = {}
        inner: dict[str, dict[str, Any]] = {}
        for name, value in params.items():
            outer, nested, key = name.partition("__")
            if outer not in self._parameters():
                raise unknown_name("parameter", name, self.get_params())
            if nested:
                inner.setdefault(outer, {})[key] = value
            else:
                own[name] = value
        made = type(self)(**(self.get_params(deep=False) | own))
        for outer, values in inner.items():
            estimator = getattr(made, outer)
            if not isinstance(estimator, Estimator):
                raise unknown_name("parameter", f"{outer}__{next(iter(values))}", self.get_params())
            changed = type(estimator)(**estimator.get_params(deep=False)).set_params(**values)
            setattr(made, outer, changed)
        for name in {*own, *inner}:
            setattr(self, name, getattr(made, name))
        return self

    def _parameters(self) -> dict[str, inspect.Parameter]:
        return dict(inspect.signature(type(self)).parameters)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._given()})"

    def _given(self) -> str:
        """The parameters that depart from their defaults, as they are written in a call."""
        return ", ".join(
            f"{name}={BRIEF.repr(getattr(self, name))}"
            for name, parameter in self._parameters().items()
            if parameter.default is parameter.empty or getattr(self, name) != parameter.default
        )

    def set_output(
        self, *, transform: Literal["default", "pandas", "polars"] | None = None
    ) -> Self:
        """Choose what `transform` and `fit_transform` return, as in scikit-learn.

        `Pipeline.set_output` calls it, and `clone` keeps the choice. Without one,
        `sklearn.set_config(transform_output=...)` decides.

        Parameters
        ----------
        transform
            "default" for arrays, "pandas" or "polars" for frames whose columns are
            `get_feature_names_out()`. The index of a pandas frame holds the node ids; Polars has
            none, and its rows are in the same order. None changes nothing.

        Raises
        ------
        InputError
            It is another name.

        Examples
        --------
        >>> from vgae import GAE
        >>> model = GAE(latent_dim=2, steps=1).set_output(transform="pandas")
        >>> model.fit_transform([("a", "b"), ("b", "c")]).columns.tolist()
        ['gae0', 'gae1']
        """
        if transform is not None:
            if transform not in ("default", *FRAMES):
                raise unknown_name("output", transform, ("default", *FRAMES))
            # scikit-learn's name for it: its `clone` copies the attribute.
            self._sklearn_output_config = {"transform": transform}
        return self

    def _output(self, vectors: Any, ids: Any, names: Iterable[str]) -> Any:
        """Vectors of nodes, with their ids and the names of the columns, as `set_output` says."""
        config = vars(self).get("_sklearn_output_config")
        if config is None:
            loaded = sys.modules.get("sklearn")
            kind = "default" if loaded is None else loaded.get_config()["transform_output"]
        else:
            kind = config["transform"]
        if kind == "default":
            return vectors
        return vector_frame(vectors, names, ids, kind=kind)

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn (1.6 and later) asks: this is a transformer that checks its input."""
        from sklearn.utils import InputTags, Tags, TargetTags, TransformerTags

        return Tags(
            estimator_type=None,
            target_tags=TargetTags(required=False),
            transformer_tags=TransformerTags(),
            input_tags=InputTags(two_d_array=False),
        )

    def __getattr__(self, name: str) -> Any:
        learned = self._learned()
        if name in learned:
            raise not_fitted(type(self).__name__)
        near = None if name.startswith("_") else nearest(name, {*learned, *dir(self)})
        hint = "" if near is None else f"; did you mean '{near}'?"
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'{hint}")

    @classmethod
    def _learned(cls) -> set[str]:
        """Names of what `fit` learns: annotated names and properties that end in an underscore."""
        names = {
            name
            for base in cls.__mro__
            for name in (*inspect.get_annotations(base), *vars(base))
            if name in inspect.get_annotations(base) or isinstance(vars(base)[name], property)
        }
        return {name for name in names if name.endswith("_") and not name.startswith("_")}
