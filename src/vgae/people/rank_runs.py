"""`vgae fit` in several processes: they train together, and rank 0 alone writes and prints."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from vgae.ground.errors import InputError
from vgae.ground.launch import Launch
from vgae.people.fit_jobs import STANDARD_INPUT, FitJob

if TYPE_CHECKING:
    from vgae.data.split import Split
    from vgae.learning.checkpoints import Checkpoints
    from vgae.model.ranks import Ranks
    from vgae.people.api import LinkModel

__all__ = ["among_ranks", "settle_for_ranks", "trained_in_ranks"]


@contextmanager
def among_ranks() -> Iterator[Ranks | None]:
    """The processes that were started together with this one; None where it is alone.

    An error in one of them ends all, and one line tells it.

    Raises
    ------
    InputError
        A process did not come, or met a mistake; those that have nothing more to say than another
        one raise SystemExit.

    Examples
    --------
    >>> with among_ranks() as ranks:
    ...     print(ranks)
    None
    """
    launch = Launch.here()
    if launch is None:
        yield None
        return
    # What torch has to say of broken connections is said in one line.
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    from vgae.learning.train import Terminated
    from vgae.model.ranks import Ranks

    ranks = Ranks.joined(launch)
    try:
        yield ranks
    except InputError as error:
        raise ranks.failed(error) from None
    except (KeyboardInterrupt, Terminated) as error:
        if not ranks.rank:
            raise
        raise SystemExit(130 if isinstance(error, KeyboardInterrupt) else error.code) from None
    finally:
        ranks.leave()


def settle_for_ranks(model: LinkModel) -> None:
    """Choose what several processes need where the settings leave it open.

    Examples
    --------
    >>> import vgae
    >>> model = vgae.VGAE()
    >>> settle_for_ranks(model)
    >>> model.noise, model.objective
    ('counter', 'exact')
    """
    from vgae.learning.rank_training import chosen_for_ranks

    model.set_params(**chosen_for_ranks(model.settings))


def trained_in_ranks(
    job: FitJob, ranks: Ranks, split: Callable[[], Split], callback: Any
) -> Checkpoints:
    """Train the model of a job together with the other processes.

    Parameters
    ----------
    job
        The fit.
    ranks
        The processes.
    split
        Reads the graph and makes the split.
    callback
        Called after every step, or None.

    Returns
    -------
    What the estimator takes as its checkpoints to find the training finished.

    Raises
    ------
    InputError
        This fit is not one for several processes, or `train_in_ranks` raises it.

    Examples
    --------
    >>> import vgae
    >>> from pathlib import Path
    >>> from vgae.model.ranks import Ranks
    >>> from vgae.people.fit_jobs import asked_fit
    >>> from vgae.people.options import Reading
    >>> given = {"holdout": True, "held_out": {}, "seed": 0, "overwrite": False, "every": None}
    >>> model = vgae.GAE(steps=2, noise="counter")
    >>> job = asked_fit(model, "karate", Path("run"), Reading(), **given)
    >>> alone = Ranks(Launch(rank=0, size=1, local_rank=0, local_size=1))
    >>> split = job.split(vgae.load_dataset("karate"))
    >>> finished = trained_in_ranks(job, alone, lambda: split, None)
    >>> len(model.fit(split, checkpoint=finished).history_)
    2
    """
    from vgae.learning.checkpoints import Checkpoints
    from vgae.learning.rank_training import train_in_ranks
    from vgae.learning.train import finishing_on_interrupt
    from vgae.people.api import LinkModel

    estimator = job.estimator
    if not isinstance(estimator, LinkModel):
        raise InputError(f"{estimator.name}: is no model that several processes can fit")
    if STANDARD_INPUT in (job.graph, str(job.reading.features)):
        raise InputError("standard input: several processes need a file that all can read")
    ranks.connect(estimator.settings.training.device)
    with finishing_on_interrupt(terminating=True) as interrupt:
        return train_in_ranks(
            split,
            estimator.settings,
            ranks,
            callbacks=() if callback is None else (callback,),
            interrupt=interrupt,
            checkpoints=job.checkpoints or Checkpoints(None),
        )
