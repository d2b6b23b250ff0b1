"""Who is in one picture, among the people with reference pictures."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.people.limits import Limits
from daemon.people.match import Match, References, match_faces, similarities
from daemon.people.starting import published
from tests.makers import crowd, looks, unit


def limits(threshold: float, margin: float) -> Limits:
    return Limits(
        threshold=threshold,
        margin=margin,
        group_threshold=threshold,
        found_quality=0.5,
        curve=published("Dlib").curve,
    )


LIMITS = limits(0.9, 0.02)
ROSA, ADA, EVE = crowd(3, seed=1)


def angle(cosine: float, *, other: int = 1) -> np.ndarray:
    """A vector at this cosine from the first axis, towards another axis."""
    vector = np.zeros(8, np.float32)
    vector[0], vector[other] = cosine, np.sqrt(1 - cosine**2)
    return vector


def known(**people: np.ndarray) -> References:
    """References by person: `p7=vectors`."""
    rows = [(int(name[1:]), vector) for name, vectors in people.items() for vector in vectors]
    return References(
        vectors=np.array([vector for _, vector in rows], np.float32),
        person_ids=np.array([person for person, _ in rows], np.int64),
        face_ids=np.arange(100, 100 + len(rows)),
    )


def match(
    vectors: list[np.ndarray],
    references: References,
    *,
    allowed: Limits = LIMITS,
    barred: dict[int, set[int]] | None = None,
    present: frozenset[int] = frozenset(),
) -> list[Match | None]:
    ruled_out = [frozenset((barred or {}).get(row, set())) for row in range(len(vectors))]
    there = {((0, 0), person_id) for person_id in present}
    return match_faces(
        np.array(vectors, np.float32), references, allowed, barred=ruled_out, present=there
    )


def who(matches: list[Match | None]) -> list[int | None]:
    return [found.person_id if found else None for found in matches]


def test_the_most_similar_person_is_found_with_similarity_margin_and_evidence() -> None:
    references = known(p7=[angle(0.5), angle(0.95)], p3=[angle(0.92, other=2)])
    (found,) = match([angle(1.0)], references)
    assert found is not None
    assert (found.person_id, found.evidence_face_id, found.certain) == (7, 101, True)
    assert found.similarity == pytest.approx(0.95, abs=1e-4)
    assert found.margin == pytest.approx(0.03, abs=1e-4)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        pytest.param(0.95, 0.85, True, id="clear"),
        pytest.param(0.95, 0.94, False, id="too close"),
        pytest.param(0.9001, 0.5, True, id="just similar enough"),
        pytest.param(0.8999, 0.5, False, id="not quite similar enough"),
        pytest.param(0.885, 0.5, None, id="not worth a question"),
        pytest.param(0.92, 0.8999, True, id="the second need not reach the threshold"),
        pytest.param(0.91, 0.8999, False, id="the second counts below the threshold too"),
    ],
)
def test_a_name_needs_threshold_and_margin(
    first: float, second: float, expected: bool | None
) -> None:
    references = known(p1=[angle(first)], p2=[angle(second, other=2)])
    (found,) = match([angle(1.0)], references)
    assert (found.certain if found else None) is expected


def test_several_pictures_of_one_person_are_no_rivals() -> None:
    references = known(p1=[angle(0.95), angle(0.949, other=2), angle(0.951, other=3)])
    (found,) = match([angle(1.0)], references)
    assert found is not None
    assert found.certain


def test_several_pictures_are_a_mean_that_leans_to_those_that_look_like_the_face() -> None:
    """A woman's pictures and those of the child that she was; a face of the woman."""
    woman, child = looks(ROSA, 4, 1), looks(ADA, 4, 2)
    face = looks(ROSA, 1, 9)[0]
    (alone,) = match([face], known(p1=woman))
    (both,) = match([face], known(p1=np.concatenate([woman, child])))
    assert alone is not None
    assert both is not None
    assert both.similarity == pytest.approx(alone.similarity, abs=0.003)
    assert both.evidence_face_id == alone.evidence_face_id


def test_strangers_are_no_more_like_somebody_with_many_pictures() -> None:
    """As the cosine to a mean of many would make them; on real faces it falls by 0.005 up to twelve
    (`benchmarks.openset`).
    """
    *people, stranger = crowd(61, seed=8)
    strangers = looks(stranger, 30, 3)
    found = []
    for count in (1, 3, 9):
        pictures = {f"p{i + 1}": looks(it, count, i) for i, it in enumerate(people)}
        similar = similarities(strangers, known(**pictures), limits(0.0, 0.02))
        found.append(float(np.quantile(similar, 0.999)))
    assert max(found[1:]) <= found[0] + 0.003


def test_copies_of_one_picture_count_as_one() -> None:
    one, face = looks(ROSA, 1, 1)[0], looks(ROSA, 1, 2)[0]
    (single,) = match([face], known(p1=[one]))
    (copied,) = match([face], known(p1=[one, one, one]))
    assert single is not None
    assert copied is not None
    assert copied.similarity <= single.similarity + 1e-6


@pytest.mark.parametrize("faces", [0, 1, 3])
def test_where_nobody_is_known_nobody_is_found(faces: int) -> None:
    nobody = References(
        vectors=np.zeros((0, 0), np.float32),
        person_ids=np.zeros(0, np.int64),
        face_ids=np.zeros(0, np.int64),
    )
    vectors = np.ones((faces, 8), np.float32)
    assert match_faces(vectors, nobody, LIMITS, barred=[frozenset()] * faces) == [None] * faces


def test_a_picture_without_faces_gives_nothing() -> None:
    assert match([], known(p1=[angle(1)])) == []


class TestNobodyTwice:
    def test_the_most_similar_face_is_the_person_and_the_other_nobody(self) -> None:
        references = known(p1=[angle(1.0)])
        matches = match([angle(0.93), angle(0.97), angle(0.95)], references)
        assert who(matches) == [None, 1, None]

    def test_the_other_is_not_a_second_choice_of_somebody_it_is_less_like(self) -> None:
        references = known(p1=[angle(1.0)], p2=[angle(0.95, other=2)])
        assert who(match([angle(1.0), angle(0.99)], references)) == [1, None]

    def test_two_people_side_by_side(self) -> None:
        references = known(p1=looks(ROSA, 3, 1), p2=looks(ADA, 3, 2))
        vectors = [*looks(ADA, 1, 3), *looks(ROSA, 1, 4), *looks(EVE, 1, 5)]
        assert who(match(vectors, references)) == [2, 1, None]

    def test_who_is_in_the_picture_by_a_persons_decision_is_nobody_else(self) -> None:
        references = known(p1=[angle(1.0)], p2=[angle(0.0, other=4)])
        assert who(match([angle(0.97)], references, present=frozenset({1}))) == [None]
        assert who(match([angle(0.97)], references, present=frozenset({2}))) == [1]


class TestRuledOut:
    def test_who_was_ruled_out_is_not_found_and_no_rival(self) -> None:
        references = known(p1=[angle(0.99)], p2=[angle(0.97, other=2)])
        (found,) = match([angle(1.0)], references, barred={0: {1}})
        assert found is not None
        assert (found.person_id, found.certain) == (2, True)

    def test_it_holds_for_that_face_only(self) -> None:
        references = known(p1=[angle(1.0)])
        assert who(match([angle(0.99), angle(0.95)], references, barred={0: {1}})) == [None, 1]

    @pytest.mark.parametrize("threshold", [-1.0, 0.0, 0.9])
    def test_it_holds_at_any_threshold(self, threshold: float) -> None:
        allowed = limits(threshold, 0.0)
        references = known(p1=[angle(1.0)])
        assert who(match([angle(0.99)], references, allowed=allowed, barred={0: {1}})) == [None]


@settings(derandomize=True, max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), faces=st.integers(1, 6), people=st.integers(1, 5))
def test_what_always_holds(seed: int, faces: int, people: int) -> None:
    rng = np.random.default_rng(seed)
    allowed = limits(0.3, 0.1)
    vectors = unit(rng.standard_normal((faces, 4)))
    reference_vectors = unit(rng.standard_normal((2 * people, 4)))
    references = References(
        vectors=reference_vectors,
        person_ids=rng.permutation(2 * people) + 1,
        face_ids=np.arange(2 * people),
    )
    barred = [frozenset(rng.integers(1, people + 1, 1).tolist()) for _ in range(faces)]
    present = frozenset(rng.integers(1, people + 1, 1).tolist())
    there = {((0, 0), person_id) for person_id in present}
    matches = match_faces(vectors, references, allowed, barred=barred, present=there)
    found = [it for it in matches if it is not None]
    assert len({it.person_id for it in found}) == len(found)
    for row, it in enumerate(matches):
        if it is None:
            continue
        assert it.person_id not in barred[row] | present
        assert it.similarity >= allowed.threshold - allowed.doubt
        assert it.margin >= 0
        enough = it.similarity >= allowed.threshold
        assert it.certain == (enough and it.margin >= allowed.margin)
        assert it.rivalled == (enough and it.margin < allowed.margin)
        assert it.confidence == pytest.approx(allowed.curve.confidence(it.similarity))
        assert references.person_ids[it.evidence_face_id] == it.person_id
        exact = vectors[row] @ reference_vectors[it.evidence_face_id]
        assert it.similarity == pytest.approx(float(exact), abs=1e-6)
    turned = rng.permutation(faces)
    again = match_faces(
        vectors[turned], references, allowed, barred=[barred[i] for i in turned], present=there
    )
    assert who(again) == [who(matches)[i] for i in turned]
