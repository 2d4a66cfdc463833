"""Parents and children: who decides about a failure, and who stops first."""

from __future__ import annotations

from typing import Any, ClassVar

import pykka
import pytest

from actorflow.actors.manual import ManualDispatcher
from actorflow.actors.pooled import PooledActor
from actorflow.actors.ref import PooledRef
from actorflow.actors.supervision import Directive, Supervision
from actorflow.actors.system import ActorSystem


class Boom(Exception):  # noqa: N818 - it is what happens, not what is wrong
    """Something a child raises."""


class Child(PooledActor):
    """Counts, fails when asked to, and writes a diary."""

    def __init__(self, diary: list[str], name: str = "child") -> None:
        super().__init__()
        self.diary = diary
        self.name = name
        self.count = 0
        diary.append(f"{name} made")

    def on_start(self) -> None:
        """Note it."""
        self.diary.append(f"{self.name} started")

    def on_stop(self) -> None:
        """Note it."""
        self.diary.append(f"{self.name} stopped")

    def on_failure(self, *_: Any) -> None:
        """Note it."""
        self.diary.append(f"{self.name} failed")

    def on_receive(self, message: str) -> int:
        """Count, or fail."""
        if message == "boom":
            raise Boom
        self.count += 1
        return self.count


class Parent(PooledActor):
    """Has one child and judges it as told."""

    directive: ClassVar[Directive] = Directive.RESTART

    def __init__(self, diary: list[str]) -> None:
        super().__init__()
        self.diary = diary
        self.judged: list[tuple[PooledRef[Any], BaseException]] = []

    def on_start(self) -> None:
        """Have a child."""
        self.child = self.spawn(Child, self.diary)

    def on_stop(self) -> None:
        """Note it."""
        self.diary.append("parent stopped")

    def on_receive(self, message: str) -> Any:
        """Give the child, or what was judged."""
        return self.child if message == "child" else self.judged

    def on_child_failure(
        self, child: PooledRef[Any], error: BaseException
    ) -> Directive:
        """Judge as the class says."""
        self.judged.append((child, error))
        return self.directive


def parent_that(directive: Directive) -> type[Parent]:
    """Return a class of parents that always give *directive*."""
    return type("Parent", (Parent,), {"directive": directive})


@pytest.fixture
def diary() -> list[str]:
    """What happened, in order."""
    return []


def test_a_parent_hears_of_the_failure_of_its_child(
    manual: ActorSystem, dispatcher: ManualDispatcher, diary: list[str]
) -> None:
    """It gets the child's ref and the exception."""
    parent = manual.spawn(Parent, diary)
    child = parent.ask("child")
    child.tell("boom")
    dispatcher.run_until_idle()

    ((ref, error),) = parent.ask("judged")
    assert (ref, type(error)) == (child, Boom)


def test_resume_keeps_the_state(manual: ActorSystem, diary: list[str]) -> None:
    """The child goes on as if the message had not been."""
    child = manual.spawn(parent_that(Directive.RESUME), diary).ask("child")
    child.ask("one")
    child.tell("boom")

    assert child.ask("two") == 2


def test_restart_gives_a_fresh_state(manual: ActorSystem, diary: list[str]) -> None:
    """A new actor answers to the same ref."""
    child = manual.spawn(Parent, diary).ask("child")
    child.ask("one")
    child.tell("boom")

    assert child.ask("two") == 1


def test_what_cannot_be_made_again_is_stopped_instead(
    manual: ActorSystem, dispatcher: ManualDispatcher, diary: list[str]
) -> None:
    """Its arguments are not kept, so nothing but the actor holds them."""

    class Unique(Child):
        restartable: ClassVar[bool] = False

    child = manual.spawn(Unique, diary)
    assert child.args is None
    child.tell("boom")
    dispatcher.run_until_idle()

    assert not child.is_alive()
    assert diary == ["child made", "child started", "child failed"]


def test_restart_calls_the_hooks(manual: ActorSystem, diary: list[str]) -> None:
    """The failed one hears of its failure; the fresh one is made and started."""
    child = manual.spawn(Parent, diary).ask("child")
    child.tell("boom")
    child.ask("one")

    assert diary == [
        "child made", "child started", "child failed", "child made", "child started",
    ]  # fmt: skip


def test_messages_wait_for_the_restart(manual: ActorSystem, diary: list[str]) -> None:
    """What was in the inbox goes to the fresh actor, in order."""
    child = manual.spawn(Parent, diary).ask("child")
    child.tell("boom")
    replies = [child.ask("count", block=False) for _ in range(3)]

    assert [reply.get() for reply in replies] == [1, 2, 3]


def test_stop_stops_the_child(manual: ActorSystem, diary: list[str]) -> None:
    """Its inbox is answered by ActorDeadError."""
    child = manual.spawn(parent_that(Directive.STOP), diary).ask("child")
    child.tell("boom")

    with pytest.raises(pykka.ActorDeadError):
        child.ask("one")
    assert diary[-1] == "child failed"


def test_escalate_fails_the_parent(
    manual: ActorSystem, dispatcher: ManualDispatcher, diary: list[str]
) -> None:
    """Its own parent, here the guardian, restarts it; the old child stops."""
    parent = manual.spawn(parent_that(Directive.ESCALATE), diary)
    child = parent.ask("child")
    child.tell("boom")
    dispatcher.run_until_idle()

    assert not child.is_alive()
    assert parent.ask("child") is not child


def test_resuming_a_parent_resumes_the_child_it_escalated(
    manual: ActorSystem, diary: list[str]
) -> None:
    """A verdict from above is a verdict for the child as well."""

    class Grandparent(PooledActor):
        def on_start(self) -> None:
            self.parent = self.spawn(parent_that(Directive.ESCALATE), diary)

        def on_receive(self, message: str) -> Any:
            return self.parent

        def on_child_failure(self, *_: Any) -> Directive:
            return Directive.RESUME

    parent = manual.spawn(Grandparent).ask("parent")
    child = parent.ask("child")
    child.ask("one")
    child.tell("boom")

    assert child.ask("two") == 2
    assert parent.ask("child") is child


def test_a_failing_judge_stops_the_child(
    manual: ActorSystem, dispatcher: ManualDispatcher, diary: list[str]
) -> None:
    """A parent that cannot decide fails itself; nobody waits for ever."""

    class Overtaxed(Parent):
        def on_child_failure(self, *_: Any) -> Directive:
            raise ValueError

    parent = manual.spawn(Overtaxed, diary)
    child = parent.ask("child")
    child.tell("boom")
    dispatcher.run_until_idle()

    assert not child.is_alive()
    assert parent.ask("child") is not child


def test_an_exception_to_a_caller_is_no_failure(
    manual: ActorSystem, diary: list[str]
) -> None:
    """As in Pykka, what the caller gets is the caller's business."""
    parent = manual.spawn(Parent, diary)
    child = parent.ask("child")
    with pytest.raises(Boom):
        child.ask("boom")

    assert parent.ask("judged") == []


def test_failing_to_start_is_a_failure(
    manual: ActorSystem, dispatcher: ManualDispatcher
) -> None:
    """A child whose on_start raises is started again, a few times."""
    starts: list[int] = []

    class Stillborn(PooledActor):
        def on_start(self) -> None:
            starts.append(1)
            raise Boom

    ref = manual.spawn(Stillborn)
    dispatcher.run_until_idle()

    assert len(starts) == 1 + Supervision().max_restarts
    assert not ref.is_alive()


def test_too_many_restarts_end_in_a_stop(
    manual: ActorSystem, dispatcher: ManualDispatcher, diary: list[str]
) -> None:
    """The guardian gives a child up that fails again and again."""
    ref = manual.spawn(Child, diary)
    for _ in range(4):
        ref.tell("boom")
    dispatcher.run_until_idle()

    assert not ref.is_alive()


def test_restarts_long_ago_do_not_count(
    manual: ActorSystem, dispatcher: ManualDispatcher, diary: list[str]
) -> None:
    """A child may fail now and then for ever."""
    ref = manual.spawn(Child, diary)
    for _ in range(20):
        ref.tell("boom")
        dispatcher.run_until_idle()
        dispatcher.advance(30.0)

    assert ref.is_alive()


def test_restarts_of_one_child_do_not_count_for_another(
    manual: ActorSystem, dispatcher: ManualDispatcher, diary: list[str]
) -> None:
    """Each child has its own record."""
    refs = [manual.spawn(Child, diary) for _ in range(5)]
    for ref in refs:
        ref.tell("boom")
        ref.tell("boom")
    dispatcher.run_until_idle()

    assert all(ref.is_alive() for ref in refs)


def test_a_policy_can_be_a_class_attribute(
    manual: ActorSystem, dispatcher: ManualDispatcher, diary: list[str]
) -> None:
    """No method is needed for the usual cases."""

    class Strict(PooledActor):
        supervision: ClassVar[Supervision] = Supervision(Directive.STOP)

        def on_receive(self, message: str) -> Any:
            return self.spawn(Child, diary)

    child = manual.spawn(Strict).ask("child")
    child.tell("boom")
    dispatcher.run_until_idle()

    assert not child.is_alive()


def test_a_parent_stops_after_its_children(
    manual: ActorSystem, diary: list[str]
) -> None:
    """When on_stop runs, the children are gone."""
    parent = manual.spawn(Parent, diary)
    parent.ask("child")
    parent.stop()

    assert diary[-2:] == ["child stopped", "parent stopped"]


def test_children_are_told_to_stop_youngest_first(
    manual: ActorSystem, dispatcher: ManualDispatcher, diary: list[str]
) -> None:
    """In the reverse of the order they were made in."""

    class Mother(PooledActor):
        def on_start(self) -> None:
            for name in ("a", "b", "c"):
                self.spawn(Child, diary, name)

    mother = manual.spawn(Mother)
    dispatcher.run_until_idle()
    mother.stop()

    assert diary[-3:] == ["c stopped", "b stopped", "a stopped"]


def test_children_handle_their_mail_before_they_stop(
    manual: ActorSystem, diary: list[str]
) -> None:
    """A stop from above is a message behind the others."""
    parent = manual.spawn(Parent, diary)
    child = parent.ask("child")
    reply = child.ask("one", block=False)
    parent.stop()

    assert reply.get() == 1


def test_a_stopping_parent_does_not_wait_for_a_verdict(
    manual: ActorSystem, diary: list[str]
) -> None:
    """A failed child that waits to be judged is stopped with the others."""
    parent = manual.spawn(Parent, diary)
    child = parent.ask("child")
    stopping = parent.stop(block=False)
    child.tell("boom")

    assert stopping.get() is True
    assert not child.is_alive()


def test_a_stopping_parent_has_no_more_children(manual: ActorSystem) -> None:
    """Who is dead, or about to be, cannot spawn."""
    parent = manual.spawn(Parent, [])
    parent.stop()

    with pytest.raises(pykka.ActorDeadError):
        manual.spawn(Child, [], parent=parent)


def test_a_parent_that_fails_takes_its_children_along(
    manual: ActorSystem, dispatcher: ManualDispatcher, diary: list[str]
) -> None:
    """No child outlives the actor that answers for it."""

    class Fragile(Parent):
        def on_receive(self, message: str) -> Any:
            if message == "boom":
                raise Boom
            return super().on_receive(message)

    class Strict(PooledActor):
        supervision: ClassVar[Supervision] = Supervision(Directive.STOP)

        def on_receive(self, message: str) -> Any:
            return self.spawn(Fragile, diary)

    parent = manual.spawn(Strict).ask("spawn")
    child = parent.ask("child")
    parent.tell("boom")
    dispatcher.run_until_idle()

    assert not child.is_alive()
    assert not parent.is_alive()


def test_a_watcher_hears_of_children_that_stopped(
    manual: ActorSystem, diary: list[str]
) -> None:
    """Whatever the reason."""
    gone: list[PooledRef[Any]] = []

    class Watcher(PooledActor):
        watches_children: ClassVar[bool] = True

        def on_receive(self, message: str) -> Any:
            return self.spawn(Child, diary)

        def on_child_stopped(self, child: PooledRef[Any]) -> None:
            gone.append(child)

    watcher = manual.spawn(Watcher)
    child = watcher.ask("child")
    child.stop()
    watcher.ask("another")

    assert gone == [child]


def test_arguments_survive_a_restart(manual: ActorSystem) -> None:
    """The fresh actor is made as the first one was."""

    class Given(PooledActor):
        def __init__(self, one: int, *, two: int) -> None:
            super().__init__()
            self.given = (one, two)

        def on_receive(self, message: str) -> Any:
            if message == "boom":
                raise Boom
            return self.given

    ref = manual.spawn(Given, 1, two=2)
    ref.tell("boom")

    assert ref.ask("given") == (1, 2)


def test_a_constructor_that_fails_on_restart_counts_as_a_failure(
    manual: ActorSystem, dispatcher: ManualDispatcher
) -> None:
    """It is judged like any other, and given up in the end."""
    made: list[int] = []

    class Once(PooledActor):
        def __init__(self) -> None:
            super().__init__()
            made.append(1)
            if len(made) > 1:
                raise Boom

        def on_receive(self, message: str) -> None:
            raise Boom

    ref = manual.spawn(Once)
    ref.tell("boom")
    dispatcher.run_until_idle()

    assert not ref.is_alive()
    assert len(made) == 1 + Supervision().max_restarts
