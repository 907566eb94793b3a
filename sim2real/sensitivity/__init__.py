"""Which parameters matter, before any real trial: what to randomize, and what can be identified at all."""

from __future__ import annotations

from sim2real.sensitivity.design import Design, morris_design, sobol_design
from sim2real.sensitivity.drivers import Driver, driver_of_run
from sim2real.sensitivity.findings import Findings
from sim2real.sensitivity.indices import Indices, analyze
from sim2real.sensitivity.ridges import Ridge, find_ridges
from sim2real.sensitivity.study import Study, parameters_named, prepare
from sim2real.sensitivity.verdicts import Verdict, counting, verdicts

__all__ = [
    "Design",
    "Driver",
    "Findings",
    "Indices",
    "Ridge",
    "Study",
    "Verdict",
    "analyze",
    "counting",
    "driver_of_run",
    "find_ridges",
    "morris_design",
    "parameters_named",
    "prepare",
    "sobol_design",
    "verdicts",
]
