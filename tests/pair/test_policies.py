"""What the QNPU does with what a scheduling policy says: order, preemption, being asked again, accounts."""

from __future__ import annotations

import pytest

from qnpu.quotas import Quotas
from qnpu.scheduler import NoOptions, Schedulable, View
from qnpu.settings import QnpuSettings
from qruntime.errors import ConfigError
from qruntime.messages import Aborted, Done
from tests.pair.harness import NOISELESS, Bench

LONG = "set Q0 0\nqalloc Q0\ninit Q0\n" + "x Q0\n" * 10 + "meas Q0 M0\nret_reg M0"
SHORT = "set Q0 0\nqalloc Q0\ninit Q0\nmeas Q0 M0\nret_reg M0"


class Newest:
    """The process that became ready last has the processor, at once."""

    schema = NoOptions
    preemptive = True

    def __init__(self, options: NoOptions) -> None:
        self.ran_ns: dict[int, int] = {}
        self.asked: list[int] = []

    def decide(self, view: View) -> tuple[Schedulable | None, int | None]:
        self.asked.append(view.now_ns)
        newest = max(view.ready, key=lambda process: process.arrival)
        running = view.running
        if running is not None and running.pid >= newest.pid:
            return None, None
        return newest, None

    def ran(self, process: Schedulable, ns: int) -> None:
        self.ran_ns[process.pid] = self.ran_ns.get(process.pid, 0) + ns


class Reluctant:
    """First come first served, but nobody before 50 us; asks to be asked again then."""

    schema = NoOptions
    preemptive = False

    def __init__(self, options: NoOptions) -> None:
        pass

    def decide(self, view: View) -> tuple[Schedulable | None, int | None]:
        if view.now_ns < 50_000:
            return None, 50_000
        return view.ready[0], None

    def ran(self, process: Schedulable, ns: int) -> None:
        pass


class Stubborn(Newest):
    """Chooses the same process again and again."""

    def decide(self, view: View) -> tuple[Schedulable | None, int | None]:
        self.asked.append(view.now_ns)
        if len(self.asked) == 1:
            self.mine = view.ready[0]
        return self.mine, None


class Restless(Newest):
    """Anybody but the one that runs."""

    def decide(self, view: View) -> tuple[Schedulable | None, int | None]:
        return view.ready[0], None


class Late(Newest):
    """Asks for a time that is over."""

    def decide(self, view: View) -> tuple[Schedulable | None, int | None]:
        return None, view.now_ns


class Terse(Newest):
    """Forgets that it has two things to say."""

    def decide(self, view: View) -> tuple[Schedulable | None, int | None]:
        return None  # type: ignore[return-value]


def bench_with(policy: type) -> Bench:
    settings = QnpuSettings(scheduler=f"{__name__}:{policy.__name__}", gate_ns=1_000, measure_ns=5_000)
    return Bench(("alice",), settings=settings)


def test_preempted_process_goes_on_where_it_was_and_loses_no_time_it_had_spent() -> None:
    bench = bench_with(Newest).program(0, 1, LONG).program(0, 2, SHORT, at_ns=4_500)
    bench.run()
    done = {message.pid: (at, dict(message.registers)[3]) for at, message in bench.cnpus[0].got}
    assert done[2][1] == 0
    assert done[1][1] == 0  # ten X are none
    assert done[2][0] < done[1][0]
    assert "PROCESSOR_PREEMPT_USER_PROCESS" in bench.events("processor")
    alone = bench_with(Newest).program(0, 1, LONG).run().cnpus[0].got[0][0]
    policy = bench.qnpus[0].dispatcher.policy
    assert isinstance(policy, Newest)
    taken = policy.ran_ns[2]
    assert done[1][0] >= alone + 1_000  # it waited while the other one ran
    assert (
        done[1][0] <= alone + taken + 10_000
    )  # the device was busy with the other's operations at most so long


def test_policy_hears_of_all_the_time_its_processes_had() -> None:
    bench = bench_with(Newest).program(0, 1, LONG).program(0, 2, SHORT, at_ns=4_500).run()
    policy = bench.qnpus[0].dispatcher.policy
    assert isinstance(policy, Newest)
    end = max(at for at, _ in bench.cnpus[0].got)
    assert policy.ran_ns[1] + policy.ran_ns[2] == end  # somebody had the processor all the time


def test_outcome_that_is_awaited_is_not_preempted() -> None:
    """A measurement lasts 10 us: the processor stays with the process until its outcome is there, and the
    policy is asked before the process goes on."""
    bench = bench_with(Newest).program(0, 1, SHORT).program(0, 2, SHORT, at_ns=17_000).run()
    outcome_ns = bench.emits("PROCESSOR_CONSUME_OUTCOME")[0].t_ns
    (displaced,) = bench.emits("PROCESSOR_PREEMPT_USER_PROCESS")
    assert (displaced.pid, displaced.t_ns) == (1, outcome_ns)
    assert outcome_ns > 17_000
    assert [message.pid for _, message in bench.cnpus[0].got] == [2, 1]


def test_process_that_does_nothing_but_measure_can_be_interrupted_between_outcomes() -> None:
    """Issuing a measurement costs nothing here: what one outcome sets free, the next one would take."""
    endless = "set Q0 0\nqalloc Q0\ninit Q0\nAGAIN:\nmeas Q0 M0\njmp AGAIN"
    settings = QnpuSettings(scheduler=f"{__name__}:Newest", quotas=Quotas(instruction_budget=1_000))
    bench = (
        Bench(("alice",), settings=settings).program(0, 1, endless).program(0, 2, SHORT, at_ns=25_000).run()
    )
    done, aborted = bench.cnpus[0].time_of(Done), bench.cnpus[0].time_of(Aborted)
    assert done < 25_000 + 3 * NOISELESS.measure_ns
    assert aborted > 400 * NOISELESS.measure_ns


def test_device_is_given_one_gate_ahead_at_most_by_a_process_that_may_be_interrupted() -> None:
    """Issuing a gate costs nothing here, so that all of them could be issued at once."""
    gates = "set Q0 0\nqalloc Q0\ninit Q0\n" + "x Q0\n" * 1_000 + "meas Q0 M0\nret_reg M0"
    settings = QnpuSettings(scheduler=f"{__name__}:Newest")
    bench = Bench(("alice",), settings=settings).program(0, 1, gates).program(0, 2, SHORT, at_ns=25_000).run()
    done = {message.pid: (at, dict(message.registers)[3]) for at, message in bench.cnpus[0].got}
    assert done[1][1] == 0  # a thousand X are none
    assert done[2][0] <= 25_000 + NOISELESS.single_qubit_gate_ns + NOISELESS.init_ns + NOISELESS.measure_ns
    assert done[1][0] > 1_000 * NOISELESS.single_qubit_gate_ns


def test_policy_that_wants_to_be_asked_again_is() -> None:
    bench = bench_with(Reluctant).program(0, 1, SHORT).run()
    starts = [emit.t_ns for _, emit in bench.records if emit.event == "PROCESSOR_START_USER_PROCESS"]
    assert starts == [50_000]


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        (Stubborn, "at .* ns: it chose process 1, which is not ready"),
        (Restless, "displaces one process by another without end"),
        (Late, "wants to be asked again at 0 ns, which is over"),
        (Terse, "answers None; allowed: a process or None, and a time or None"),
    ],
)
def test_policy_that_cannot_be_followed_is_told_so(wrong: type, what: str) -> None:
    with pytest.raises(ConfigError, match=rf"scheduler 'tests.pair.test_policies:{wrong.__name__}'.*{what}"):
        bench_with(wrong).program(0, 1, SHORT).program(0, 2, LONG).run()
