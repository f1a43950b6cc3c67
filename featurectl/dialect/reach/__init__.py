"""How far a change of an input reaches: which entities and which event times of a view's rows it can alter.

Read off the query alone. What cannot be derived is not guessed: such an input reaches everything, with the reason.
"""

from featurectl.dialect.reach._deriving import reach_of
from featurectl.dialect.reach._model import InputReach, Reach

__all__ = ["InputReach", "Reach", "reach_of"]
