"""Evidence in words: one sentence a verdict. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from catalog.evidence import Evidence, Exemplar, Verdict

_STATES = {
    "superseded": "superseded: a newer look at the photo found this face otherwise, or not at all",
    "forgotten": "forgotten: its picture, its vectors and whose it was were erased for good",
}

_REFERENCE = "in reference pictures only: nobody is looked for in them"


def told(evidence: Evidence) -> list[str]:
    """What is to be said of a face: whose it is and why, each model's own view, what a person
    ruled out, and what held before.
    """
    decisions = [it for it in evidence.verdicts if it.model == "all"]
    lines = [_STATES[evidence.state]] if evidence.state in _STATES else []
    lines += _hidden(evidence)
    lines += [_decision(it) for it in decisions]
    if not decisions and evidence.state == "active" and not _is_no_face(evidence):
        lines.append(_REFERENCE if evidence.reference_only else _nobody(evidence))
    lines += [_exemplar(it) for it in evidence.exemplars]
    lines += [_opinion(it) for it in evidence.verdicts if it.model != "all"]
    lines += [
        f"not {it.name or f'person {it.person_id}'}, because {_said(it.actor, it.at)}"
        for it in evidence.rulings
        if it.person_id is not None
    ]
    lines += [
        f"until {_day(it.ended_at)}: {_decision(it)}"
        for it in evidence.earlier
        if it.model == "all"
    ]
    return lines


def _decision(it: Verdict) -> str:
    if it.method == "user":
        return f"{_who(it)}, because {_said(it.decided_by, it.decided_at)}{_carried(it)}"
    if it.method == "metadata":
        return f"{_who(it)}, because the photo's own metadata says so ({_day(it.decided_at)})"
    if it.state == "suggested" or (it.state == "withdrawn" and _was_asked(it)):
        return f"perhaps {_who(it)}, asked {_doubt(it)}: {_grounds(it)}"
    return f"{_who(it)}: {_grounds(it)}"


def _grounds(it: Verdict) -> str:
    """What the machine found, in numbers, and by what and when."""
    words = [_group(it)] if it.method == "group" else [_picture(it), *_lead(it)]
    if it.confidence is not None:
        words.append(f"confidence {it.confidence:.3f}")
    since = ", calibrated since" if it.calibrated_since else ""
    by = " and ".join(it.versions) or "a model that is no longer in use"
    return f"{', '.join(words)}; by {it.decided_by} on {_day(it.decided_at)} with {by}{since}"


def _picture(it: Verdict) -> str:
    needed = "" if it.bars is None else f" (a name needs {it.bars.threshold:.3f})"
    similar = "similar" if it.similarity is None else f"similarity {it.similarity:.3f}"
    if it.evidence is None:
        return f"{similar} to a picture that is gone{needed}"
    gone = "" if it.evidence.in_use else ", which is no longer in use"
    return f"{similar} to face {it.evidence.face_id} in {it.evidence.path}{gone}{needed}"


def _lead(it: Verdict) -> list[str]:
    if it.margin is None:
        return []
    second = (
        "the second person" if it.second is None else _named(it.second.name, it.second.person_id)
    )
    needed = "" if it.bars is None else f" (needs {it.bars.margin:.3f})"
    return [f"{it.margin:.3f} ahead of {second}{needed}"]


def _carried(it: Verdict) -> str:
    """Where it was not said of this very face, of which one."""
    if it.evidence is None or not it.evidence.earlier_version:
        return ""
    similar = "" if it.similarity is None else f", similarity {it.similarity:.3f}"
    return (
        f", carried over from face {it.evidence.face_id} in an earlier version of the picture"
        f"{similar}"
    )


def _group(it: Verdict) -> str:
    if _carried(it):
        return "in the group that it was in" + _carried(it)
    if not it.group_size:
        return "the only face of this group"
    others = f"{it.group_size} other face{'' if it.group_size == 1 else 's'}"
    if it.similarity is None:
        return f"in one group with {others}"
    needed = "" if it.bars is None else f" (to join needs {it.bars.group_threshold:.3f})"
    like = "" if it.evidence is None else f", most to face {it.evidence.face_id} in "
    where = "" if it.evidence is None else it.evidence.path
    return f"mean similarity {it.similarity:.3f} to the {others} of this group{needed}{like}{where}"


def _doubt(it: Verdict) -> str:
    if not _in_doubt(it):
        bars = it.bars
        if bars is not None and it.similarity is not None and it.similarity < bars.threshold:
            return f"because a name needs {bars.threshold:.3f}"
        return "because a second look at the face has not agreed"
    second = (
        "the second person" if it.second is None else _named(it.second.name, it.second.person_id)
    )
    return f"because the lead over {second} is only {it.margin:.3f}"


def _was_asked(it: Verdict) -> bool:
    """A row that ended no longer says whether it was a question; too small a lead or similarity
    says so. A group is never asked about.
    """
    if it.method != "reference":
        return False
    bars = it.bars
    short = bars is not None and it.similarity is not None and it.similarity < bars.threshold
    return short or _in_doubt(it)


def _in_doubt(it: Verdict) -> bool:
    return it.margin is not None and it.bars is not None and it.margin < it.bars.margin


def _opinion(it: Verdict) -> str:
    perhaps = "perhaps " if it.state == "suggested" else ""
    return f"{it.model} alone: {perhaps}{_who(it)}: {_grounds(it)}"


def _exemplar(it: Exemplar) -> str:
    who = _named(it.name, it.person_id)
    if it.state == "used":
        return f"a picture that {who} is known by"
    return f"a picture of {who} that is not used ({it.state}): {it.reason or 'no reason is known'}"


def _nobody(evidence: Evidence) -> str:
    words = ["nobody: no one is known by a picture that it can be compared with"]
    if evidence.nearest:
        best = evidence.nearest[0]
        who = _named(best.name, best.person_id)
        words = [f"nobody: most similar is {who} with {best.similarity:.3f}{_short_of(evidence)}"]
    bars = evidence.bars
    if bars is not None and (evidence.quality or 0.0) < bars.found_quality:
        words.append(
            f"its quality of {evidence.quality or 0.0:.2f} may found no group "
            f"(needs {bars.found_quality:.2f})"
        )
    return "; ".join(words)


def _short_of(evidence: Evidence) -> str:
    """Why the most similar person is not who it is."""
    best, bars = evidence.nearest[0], evidence.bars
    if best.person_id in [it.person_id for it in evidence.rulings]:
        return ", whom somebody ruled out"
    if bars is None or best.similarity >= bars.threshold:
        is_there = best.person_id in evidence.company
        return (
            ", who is another face of this picture" if is_there else ", and it waits to be judged"
        )
    return f", and a name needs {bars.threshold:.3f}"


def _hidden(evidence: Evidence) -> list[str]:
    no_face = [it for it in evidence.rulings if it.person_id is None]
    if no_face:
        return [f"not a face, because {_said(no_face[0].actor, no_face[0].at)}"]
    if evidence.state != "hidden":
        return []
    by = evidence.hidden_by
    return ["hidden" if by is None else f"hidden, because {_said(by.actor, by.at)}"]


def _is_no_face(evidence: Evidence) -> bool:
    return any(it.person_id is None for it in evidence.rulings)


def _who(it: Verdict) -> str:
    who = _named(it.name, it.person_id)
    if it.found_person_id == it.person_id:
        return who
    return f"{who} (found as person {it.found_person_id}, who was merged into {who})"


def _named(name: str | None, person_id: int) -> str:
    return name or f"person {person_id}"


def _said(actor: str | None, at: str | None) -> str:
    return f"{actor or 'somebody'} said so" + (f" on {_day(at)}" if at else "")


def _day(at: str | None) -> str:
    """To the minute, as the catalog has it: UTC."""
    return "" if at is None else at[:16].replace("T", " ") + " UTC"
