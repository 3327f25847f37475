"""What a receiver of the release before looks for is sent to such receivers alone."""

from __future__ import annotations

import pytest

from pulse.common.v1.asked_pb2 import Asked
from pulse.router.v1.router_service_pb2 import Submission, SubmitRequest, SubmitResponse, SubmitResult
from shared.errors import Code, PulseError, invalid
from shared.rpc.former import FormerPeers
from shared.rpc.statuses import to_status

NOT_UNDERSTOOD = to_status(invalid([]))


class Receivers:
    """One or more behind one address; ``reads_asked`` tells of the one that answers next which release it is."""

    def __init__(self) -> None:
        self.reads_asked = True
        self.sent: list[list[str]] = []

    async def answer(self, request: SubmitRequest) -> SubmitResponse:
        self.sent.append([one.user_id for one in request.submissions])
        if self.reads_asked:
            return SubmitResponse(
                results=[SubmitResult(notification_id="1") for _ in request.submissions], reads_asked=True
            )
        return SubmitResponse(results=[_former_result(one) for one in request.submissions])


def _former_result(submission: Submission) -> SubmitResult:
    return SubmitResult(notification_id="1") if submission.user_id else SubmitResult(error=NOT_UNDERSTOOD)


async def send(peers: FormerPeers[Submission], receivers: Receivers, *users: str) -> SubmitResponse:
    request = SubmitRequest(submissions=[Submission(asked=Asked(user_id=user)) for user in users])
    return await peers.call(request.submissions, lambda: receivers.answer(request))


async def test_they_are_filled_until_a_receiver_says_that_it_needs_them_not():
    peers, receivers = FormerPeers(Submission), Receivers()
    for user in ("ada", "bob", "eve"):
        await send(peers, receivers, user)
    assert receivers.sent == [["ada"], [""], [""]]


async def test_a_receiver_of_the_release_before_has_them_always():
    peers, receivers = FormerPeers(Submission), Receivers()
    receivers.reads_asked = False
    for user in ("ada", "bob"):
        answer = await send(peers, receivers, user)
        assert answer.results[0].notification_id
    assert receivers.sent == [["ada"], ["bob"]]


async def test_while_releases_are_mixed_what_was_not_understood_is_sent_again_with_them():
    peers, receivers = FormerPeers(Submission), Receivers()
    await send(peers, receivers, "ada")
    receivers.reads_asked = False
    answer = await send(peers, receivers, "bob", "eve")
    assert [one.notification_id for one in answer.results] == ["1", "1"]
    receivers.reads_asked = True
    await send(peers, receivers, "joe")
    await send(peers, receivers, "kim")
    assert receivers.sent == [["ada"], ["", ""], ["bob", "eve"], ["joe"], [""]]


async def test_a_call_that_fails_says_nothing_of_the_release():
    peers, receivers = FormerPeers(Submission), Receivers()
    await send(peers, receivers, "ada")

    async def fail() -> SubmitResponse:
        raise PulseError(Code.UNAVAILABLE, "UNAVAILABLE", "away")

    with pytest.raises(PulseError):
        await peers.call([Submission()], fail)
    await send(peers, receivers, "bob")
    assert receivers.sent == [["ada"], [""]]
