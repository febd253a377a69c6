"""A proof from beginning to end: simulate, open cases, send crews, sweep what is assumed, and say it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice

from chillcast.proof.estimates import Weights
from chillcast.proof.fleets import look_at
from chillcast.proof.outcome import OWN, PolicyRow, SweepRow, foreseeable_share, policy_rows, sweep_row
from chillcast.proof.plant import plant_in
from chillcast.proof.policies import Openers, Site, tallies
from chillcast.proof.proof_config import ProofConfig
from chillcast.proof.report import AssumedRow, NotSaid, ProofReport, between, number, share
from chillcast.proof.terms import ENDS, End, meaning_of
from chillcast.shipped import find_file
from chillcast.skill.contenders import Contender, rivals
from chillcast.skill.oracle import oracle
from chillcast.skill.report import JudgedFleet, fleets_of
from chillcast.skill.skill import forecast
from chillcast.skill.survey import Survey, join
from chillcast.terminal.reporter import Advance, Reporter
from chillcast.terminal.tables import table
from models.fleet.fleet import Fleet, load_fleet
from models.learning.task_pool import TaskPool

_SEED = 1
_Sites = dict[float, Site]
_SWEPT = ("no alerts", "rules", OWN, "oracle")
_NOT_SAID = [
    NotSaid(
        what="energy",
        why="the fleet is not run again with its faults mended, so that there is no power to compare with",
    ),
    NotSaid(
        what="money",
        why="hours of a machine and of a crew are what everybody can put a price of their own on",
    ),
    NotSaid(
        what="comfort and lost cooling",
        why="a plant with a spare chiller loses little by the stop of one: hours are of machines",
    ),
]


def prove(config: ProofConfig, reporter: Reporter, pool: TaskPool) -> ProofReport:
    """Send crews out under every policy on unseen fleets; ConfigError if these are too short."""
    fleet = load_fleet(find_file(config.fleet, "fleet"))
    config.check(fleet)
    fleets = [*config.develop, *config.judge]
    with reporter.step(f"simulating {len(fleets)} fleets, opening cases") as advance:
        seen = look_at(fleets, fleet, config.stride_s, advance, pool)
        develop = join(list(islice(seen, len(config.develop))))
        openers, judged, sites = Openers(fleet.alerting, develop), list[JudgedFleet](), list[_Sites]()
        for judge in seen:
            judged += fleets_of(judge)
            sites.append(_sites(config, openers, _contenders(fleet, develop, judge), judge))
    with reporter.step("sending crews out") as advance:
        return report_of(config, sites, fleets_of(develop), judged, advance)


def report_of(
    config: ProofConfig,
    sites: Sequence[Mapping[float, Site]],
    develop: list[JudgedFleet],
    judge: list[JudgedFleet],
    advance: Advance,
) -> ProofReport:
    """Send crews to sites, each given for the budget and for the other budgets."""
    own = [site[config.budget] for site in sites]
    weights = Weights([site.plant.machines for site in own], _SEED)
    found = tallies(own, config.assumptions.terms(), config.replicates)
    sweeps, adversities = _swept(config, sites, weights, advance)
    return ProofReport(
        budget=config.budget,
        replicates=config.replicates,
        develop=develop,
        judge=judge,
        machine_years=sum(site.plant.machines * site.plant.years for site in own),
        foreseeable_share=foreseeable_share(found, weights),
        policies=policy_rows(found, weights),
        sweeps=sweeps,
        adversities=adversities,
        assumptions=_assumed(config),
        not_said=_NOT_SAID,
    )


def _contenders(fleet: Fleet, develop: Survey, judge: Survey) -> dict[str, Contender]:
    """Return who opens cases, by policy; the first is the fleet's own forecast."""
    rules = next(one for one in rivals(fleet, develop, judge, _SEED) if one.name == "rules")
    return {
        OWN: forecast(fleet, develop, judge),
        "rules": rules,
        "oracle": oracle(fleet, develop, judge, _SEED),
    }


def _sites(
    config: ProofConfig, openers: Openers, contenders: Mapping[str, Contender], judge: Survey
) -> _Sites:
    """Return a judged fleet, by budget: with the cases of all, and with others of the forecast alone."""
    plant = plant_in(judge, _SEED)
    calls = {
        name: openers.calls(name, contender, config.budget, plant, judge)
        for name, contender in contenders.items()
    }
    out = {config.budget: Site(plant, calls)}
    for budget in config.other_budgets:
        own = openers.calls(OWN, contenders[OWN], budget, plant, judge)
        out[budget] = Site(plant, {**calls, OWN: own})
    return out


def _swept(
    config: ProofConfig, sites: Sequence[Mapping[float, Site]], weights: Weights, advance: Advance
) -> tuple[list[SweepRow], list[SweepRow]]:
    """Return rows for other budgets and both ends of each assumption; and for several at once."""
    given, usual = config.assumptions, config.budget
    wanted = [("as assumed", dict[str, End](), usual)]
    wanted += [(f"budget of {budget:g} alarms", {}, budget) for budget in config.other_budgets]
    for name, one in given.each.items():
        wanted += [(f"{name} = {one.at(end):g}", {name: end}, usual) for end in ENDS]
    cut = len(wanted)
    wanted += [(one.name, _adverse(config, one.assumptions), usual) for one in config.adversities]
    wanted.append(("everything adverse at once", given.adverse, usual))
    wanted.append(("everything kind at once", given.kind, usual))
    rows = []
    for name, ends, budget in wanted:
        terms = given.terms(ends)
        changed = {key: float(getattr(terms, key)) for key in ends}
        own = [site[budget] for site in sites]
        rows.append(sweep_row(name, changed, tallies(own, terms, config.swept_replicates, _SWEPT), weights))
        advance(len(rows) / len(wanted), name)
    return rows[:cut], rows[cut:]


def _adverse(config: ProofConfig, names: Sequence[str]) -> dict[str, End]:
    return {name: config.assumptions.adverse[name] for name in names}


def _assumed(config: ProofConfig) -> list[AssumedRow]:
    return [
        AssumedRow(
            name=name,
            meaning=meaning_of(name),
            value=one.value,
            low=one.low,
            high=one.high,
            adverse=one.adverse,
            source=one.source,
        )
        for name, one in config.assumptions.each.items()
    ]


def in_tables(report: ProofReport) -> str:
    """Return what a person reads: the policies, then what the reduction hangs on."""
    upper = share(report.foreseeable_share)
    return "\n".join(
        [
            table([_in_words(row) for row in report.policies]),
            f"\nof the unplanned downtime without alerts, {upper} is of stops that could be foreseen\n",
            table([_changed(row) for row in report.all_changes]),
        ]
    )


def _in_words(row: PolicyRow) -> dict[str, object]:
    return {
        "policy": row.policy,
        "unplanned_h": number(row.unplanned_h),
        "less": share(row.less_unplanned),
        "90_%_interval": between(row.less_unplanned),
        "at_worst": share(row.bounded_less),
        "stops": number(row.stops),
        "mttr_h": number(row.mttr_h),
        "repair_h": number(row.repair_h),
        "crew_h": number(row.crew_h),
        "visits": number(row.visits),
        "empty": number(row.empty_visits),
        "visits_per_h": number(row.visits_per_avoided_h),
        "crew_h_per_h": number(row.crew_h_per_avoided_h),
    }


def _changed(row: SweepRow) -> dict[str, object]:
    return {
        "assumed": row.name,
        "less_unplanned": share(row.less_unplanned),
        "90_%_interval": between(row.less_unplanned),
        "less_repair": share(row.less_repair),
        "rules": share(row.rules_less_unplanned),
        "oracle": share(row.oracle_less_unplanned),
        "crew_h_per_h": number(row.crew_h_per_avoided_h),
    }
