// Questions one after the other, one key each; the next pictures are loaded while this one is looked at.

const { send, toast, crop, mayChange } = window.rollcall;
const place = document.querySelector("[data-review]");
const total = document.querySelector("[data-total]");
const person = new URLSearchParams(location.search).get("person");
const waiting = [], done = [];
let current = null, after = [0, 0], ended = false, asking = null, left = Number(total.textContent.replaceAll(",", ""));

async function more() {
    if (ended) return;
    const query = new URLSearchParams({ after_person: after[0], after: after[1], size: 30, ...(person ? { person } : {}) });
    const found = (await send("GET", `${place.dataset.source}?${query}`)).suggestions;
    for (const it of found) {
        after = [it.found_person_id, it.suggestion_id];
        waiting.push(it);
        new Image().src = crop(it.face_id, it.crop);
    }
    ended = found.length < 30;
}

async function next() {
    if (waiting.length < 10) asking ??= more().catch((error) => toast(error.message, { alarm: true })).finally(() => { asking = null; });
    if (!waiting.length && asking) await asking;
    current = waiting.shift() ?? null;
    show();
}

function show() {
    place.hidden = current === null;
    document.querySelector("[data-done]").hidden = current !== null;
    total.textContent = left.toLocaleString("en");
    document.querySelector("[data-plural]").textContent = left === 1 ? "question" : "questions";
    document.querySelector("[data-done]").textContent = left > 0 ? "Those are left for later." : "No question waits for an answer.";
    if (!current) return;
    const who = current.person, name = who?.name ?? `person ${current.person_id}`;
    place.querySelector("[data-asked]").src = crop(current.face_id, current.crop);
    const known = place.querySelector("[data-known]");
    known.hidden = !who?.cover_face_id;
    if (known.hidden) known.removeAttribute("src");
    else known.src = crop(who.cover_face_id, who.cover_crop);
    known.alt = name;
    place.querySelector("[data-name]").textContent = name;
    place.querySelector("[data-similarity]").textContent = current.similarity == null ? "" : ` · ${current.similarity.toFixed(3)} alike`;
    place.querySelector("[data-face-link]").href = `/faces/${current.face_id}`;
    place.querySelector("[data-person-link]").href = `/people/${current.person_id}`;
}

async function answer(kind) {
    if (kind === "undo") return back();
    if (!current) return;
    const asked = current, faces = [asked.face_id];
    const sent = {
        yes: ["/api/faces/confirm", { faces, person: asked.person_id }],
        no: ["/api/faces/reject", { faces, person: asked.person_id }],
        none: ["/api/faces/reject", { faces }],
    }[kind];
    if (!sent) { next(); return; }
    left -= 1;
    next();
    // The page goes on at once; what is decided comes after it, in order.
    queue = queue.then(() => send("POST", ...sent)).then(
        (it) => done.push({ change: it.change, asked }),
        (error) => { if (error.status !== 409) { left += 1; waiting.unshift(asked); } toast(error.message, { alarm: true }); },
    );
}

let queue = Promise.resolve();

async function back() {
    await queue;
    const last = done.pop();
    if (!last) return toast("There is nothing to undo here.");
    try {
        await send("POST", "/api/changes/undo", { change: last.change });
        if (current) waiting.unshift(current);
        current = last.asked;
        left += 1;
        show();
    } catch (error) {
        done.push(last);
        toast(error.message, { alarm: true });
    }
}

const KEYS = { y: "yes", n: "no", x: "none", s: "later", ArrowRight: "later", u: "undo" };
if (mayChange()) {
    document.addEventListener("keydown", (event) => {
        if (event.target.matches("input, textarea, select") || event.ctrlKey || event.metaKey || event.altKey) return;
        if (KEYS[event.key]) { event.preventDefault(); answer(KEYS[event.key]); }
    });
    for (const button of place.querySelectorAll("[data-answer]")) button.addEventListener("click", () => answer(button.dataset.answer));
}
next();
