"""The steady state of a water-cooled centrifugal chiller, in closed form and vectorised.

Faults enter where they act, as in the laboratory tests of ASHRAE RP-1043 (Comstock & Braun 1999): tube
fouling as a resistance, refrigerant charge through the flooded share of the condenser and the whole
evaporator, excess oil as a film on the evaporator tubes, reduced water flows as less water, overcharge as
condenser tubes under liquid, non-condensables as a blanket on the tubes that grows with the vapour's flow.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from models.telemetry.samples import Float64
from simulators.chiller.machines import Machines
from simulators.chiller.refrigerant import refrigerant_of

Rows = tuple[npt.NDArray[np.intp], ...]
_PASSES = 3
_LEAST_LOAD = 0.1
_LEAST_RISE_KJ = 2.0
_FIRST_REJECTION = 1.15
# Fitted to the published power penalties over the 27 conditions; docs/simulator-report.md states the error.
_FOULING_LOAD = 1.04
_OIL_FILM, _OIL_LOAD = 0.16, -0.5
_FLOODED, _FLOODED_LOAD, _SUBCOOLS = 0.5, 0.29, 0.2
_BLANKET_K, _BLANKET_LOAD = 290.0, 2.44
_DRY = 0.15


@dataclass(frozen=True, slots=True)
class Wear:
    """What is wrong with the machines now: arrays that broadcast with the load; 0 is healthy.

    ``fouling``: resistance of the condenser tubes over that of the clean condenser (4 is severe scale);
    ``charge_lost``, ``overcharge`` and ``*_flow_lost``: shares; ``excess_oil``: share of the oil charge on
    top; ``air``: the level of non-condensables of RP-1043 (0.05 is its worst), which is no mole fraction.
    """

    fouling: Float64
    charge_lost: Float64
    excess_oil: Float64
    condenser_flow_lost: Float64
    evaporator_flow_lost: Float64
    overcharge: Float64
    air: Float64

    def take(self, rows: Rows) -> Wear:
        """Return the wear at ``rows``, as from ``numpy.nonzero``."""
        return Wear(*(getattr(self, f.name)[rows] for f in fields(self)))


@dataclass(frozen=True, slots=True)
class Steady:
    """A steady state; arrays of one shape, temperatures in °C, ``subcooling_k`` in K.

    ``head`` is the isentropic rise over that of the rated point; ``motor_load`` is a share of full-load
    amps; ``load`` is the cooling delivered over the rated capacity.
    """

    load: Float64
    evaporating_c: Float64
    condensing_c: Float64
    chilled_leaving_c: Float64
    chilled_entering_c: Float64
    condenser_entering_c: Float64
    condenser_leaving_c: Float64
    subcooling_k: Float64
    discharge_c: Float64
    power_kw: Float64
    motor_load: Float64
    head: Float64

    def put(self, rows: Rows, other: Steady) -> None:
        """Overwrite the states at ``rows``, as from ``numpy.nonzero``."""
        for f in fields(self):
            getattr(self, f.name)[rows] = getattr(other, f.name)


def steady(machines: Machines, load: Float64, leaving_c: Float64, entering_c: Float64, wear: Wear) -> Steady:
    """Return the steady state at ``load`` (share of rated capacity, 0.1 and more).

    ``leaving_c`` is the leaving chilled water, ``entering_c`` the entering condenser water; all arguments
    broadcast. The evaporating temperature follows without iteration from the effectiveness of a heat
    exchanger with a phase change, ``Te = Teo − ΔTe / (exp NTU − 1)``; three fixed-point passes bring the
    condensing temperature within 0.001 K.
    """
    q = np.maximum(load, _LEAST_LOAD)
    chilled_k = q * machines.capacity_kw / (machines.stream_evaporator * (1.0 - wear.evaporator_flow_lost))
    evaporating_c = leaving_c - chilled_k / np.expm1(_evaporator_ntu(machines, q, wear))
    condenser = _Condenser(machines, q, entering_c, wear)
    state = _Cycle(machines, q, evaporating_c)
    condensing_c = condenser.condensing_c(state.rejected_kw)
    for _ in range(_PASSES):
        state.compress(condensing_c, condenser.subcooling_k(state.rejected_kw))
        condensing_c = condenser.condensing_c(state.rejected_kw)
    shape = condensing_c.shape
    return Steady(
        load=np.broadcast_to(q, shape).copy(),
        evaporating_c=evaporating_c,
        condensing_c=condensing_c,
        chilled_leaving_c=np.broadcast_to(leaving_c, shape).copy(),
        chilled_entering_c=leaving_c + chilled_k,
        condenser_entering_c=np.broadcast_to(entering_c, shape).copy(),
        condenser_leaving_c=entering_c + state.rejected_kw / condenser.stream,
        subcooling_k=condenser.subcooling_k(state.rejected_kw),
        discharge_c=state.discharge_c(condensing_c),
        power_kw=state.power_kw,
        motor_load=state.power_kw / machines.full_load_kw,
        head=state.head,
    )


def _evaporator_ntu(machines: Machines, q: Float64, wear: Wear) -> Float64:
    """Return NTU: the water side is constant, boiling slackens at low load and under an oil film.

    A leak lowers the whole conductance: hardly at first, ever more as tubes begin to run dry. Oil lies
    thicker where boiling is slack.
    """
    flow, film = 1.0 - wear.evaporator_flow_lost, _OIL_FILM * wear.excess_oil * q**_OIL_LOAD
    resistance = 0.55 * flow**-0.8 + 0.45 * q**-0.12 / (1.0 - film)
    wetted = np.maximum(1.0 - 1.5 * wear.charge_lost**2 / (wear.charge_lost + _DRY), 0.12)
    return machines.ua_evaporator * wetted / (resistance * machines.stream_evaporator * flow)


class _Condenser:
    """The condenser: shell and tube, its lowest tubes flooded with liquid that they subcool."""

    def __init__(self, machines: Machines, q: Float64, entering_c: Float64, wear: Wear) -> None:
        flow = 1.0 - wear.condenser_flow_lost
        self.entering_c = entering_c
        self.stream = machines.stream_condenser * flow
        # A leak uncovers tubes for condensing: the approach falls although the machine is worse off.
        area = 1.0 + 0.15 * np.minimum(wear.charge_lost, 0.5)
        area = area * (1.0 - _FLOODED * wear.overcharge * q**_FLOODED_LOAD)
        clean = 0.55 * flow**-0.8 + 0.45 * q**0.12
        conductance = machines.ua_condenser * area / self.stream
        self._gain = 1.0 / np.expm1(conductance / (clean + wear.fouling * q**_FOULING_LOAD))
        self._clean_gain = 1.0 / np.expm1(conductance / clean)
        flooded = np.maximum(1.0 - 2.0 * wear.charge_lost + _SUBCOOLS * wear.overcharge, 0.02)
        self._blanket_k = _BLANKET_K * wear.air**2 * q**_BLANKET_LOAD
        self._subcooled = -np.expm1(-machines.subcooler_ntu * flooded)

    def condensing_c(self, rejected_kw: Float64) -> Float64:
        """Return the saturation temperature at the pressure that gets ``rejected_kw`` into the water."""
        return self.entering_c + rejected_kw / self.stream * (1.0 + self._gain) + self._blanket_k

    def subcooling_k(self, rejected_kw: Float64) -> Float64:
        """Return the subcooling, K, of the liquid that leaves.

        Scale insulates the flooded tubes as it does the others, so the liquid is driven by the difference
        that clean tubes would have: fouling leaves subcooling nearly as it was (RP-1043). Air raises the
        pressure and with it the subcooling that a controller works out from it, but not the real one.
        """
        return rejected_kw / self.stream * (1.0 + self._clean_gain) * self._subcooled + self._blanket_k


class _Cycle:
    """The refrigerant cycle at one load and evaporating temperature; ``compress`` sets the rest."""

    power_kw: Float64
    head: Float64

    def __init__(self, machines: Machines, q: Float64, evaporating_c: Float64) -> None:
        self._machines = machines
        self._cooling_kw = q * machines.capacity_kw
        self._part = 1.0 - machines.part_loss * (q - 0.82) ** 2
        self._refrigerant = refrigerant_of(machines.refrigerant)
        self._compression = self._refrigerant.isentropic(evaporating_c)
        self._inlet_kj = self._refrigerant.vapour_kj(evaporating_c)
        self.rejected_kw = _FIRST_REJECTION * self._cooling_kw

    def compress(self, condensing_c: Float64, subcooling_k: Float64) -> None:
        machines = self._machines
        rise_kj = np.maximum(self._compression.rise_kj(condensing_c), _LEAST_RISE_KJ)
        self.head = rise_kj / machines.rise_kj
        lift = (self.head - machines.best_head) ** 2 - (1.0 - machines.best_head) ** 2
        efficiency = machines.efficiency * np.maximum(self._part - machines.lift_loss * lift, 0.4)
        self._rise_kj, self._work_kj = rise_kj, rise_kj / efficiency
        flow = self._cooling_kw / (self._inlet_kj - self._refrigerant.liquid_kj(condensing_c - subcooling_k))
        shaft_kw = flow * self._work_kj
        self.power_kw = shaft_kw / machines.motor_efficiency
        self.rejected_kw = self._cooling_kw + shaft_kw

    def discharge_c(self, condensing_c: Float64) -> Float64:
        return self._compression.discharge_c(condensing_c, self._work_kj - self._rise_kj)
