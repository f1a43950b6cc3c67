"""What RisingWave refuses in a view or does badly there, found before it is sent: `lint_project`.

`rules` is the table of codes, `scopes` what a rule sees of a query, `windows`, `aggregates`, `times`, `relations`
find, `suppressions` forgives, `linting` goes over a project. Only `rules` and `linting` load without sqlglot.
"""

from featurectl.project.lint.linting import Finding, LintReport, lint_project
from featurectl.project.lint.rules import RULES, Rule

__all__ = ["RULES", "Finding", "LintReport", "Rule", "lint_project"]
