// What all pages share: asking the server, telling what came of it, undoing it, names to choose from.

const meta = (name) => document.querySelector(`meta[name="${name}"]`)?.content ?? "";

async function send(method, address, body) {
    const options = { method, headers: { "x-csrftoken": meta("csrf") }, credentials: "same-origin" };
    if (body !== undefined) {
        options.headers["content-type"] = "application/json";
        options.body = JSON.stringify(body);
    }
    let response;
    try {
        response = await fetch(address, options);
    } catch {
        throw Object.assign(new Error("Rollcall does not answer; is it running?"), { status: 0, answer: {} });
    }
    const answer = await response.json().catch(() => ({}));
    if (!response.ok) {
        const sentence = answer.error ?? `The server answered ${response.status}.`;
        throw Object.assign(new Error(sentence), { status: response.status, answer });
    }
    return answer;
}

function toast(sentence, { alarm = false, action = null, label = "", person = null } = {}) {
    const box = document.createElement("div");
    box.className = alarm ? "rc-toast rc-alarm" : "rc-toast";
    box.append(sentence);
    if (action) {
        const button = document.createElement("button");
        button.type = "button";
        button.textContent = label;
        button.addEventListener("click", () => { box.remove(); action(); });
        box.append(button);
    }
    if (person) box.append(Object.assign(document.createElement("a"), { href: `/people/${person}`, textContent: "Show them" }));
    const close = Object.assign(document.createElement("button"), { type: "button", textContent: "×" });
    close.setAttribute("aria-label", "Close");
    close.addEventListener("click", () => box.remove());
    box.append(close);
    document.querySelector(".rc-toasts").append(box);
    setTimeout(() => box.remove(), action || alarm ? 10000 : 4000);
}

async function undo(change, withLater = false) {
    try {
        await send("POST", "/api/changes/undo", { change, with_later: withLater });
        later("Undone.", null);
        location.reload();
    } catch (error) {
        if (error.answer.later) {
            toast(error.message, { alarm: true, label: "Undo them all", action: () => undo(change, true) });
        } else {
            toast(error.message, { alarm: true });
        }
    }
}

// A decision: carried out, told, undone with one click. `then` is called with the answer.
async function decide(address, body, sentence, then = null, showPerson = false) {
    try {
        const answer = await send("POST", address, body);
        if (then) {
            then(answer);
            toast(sentence, answer.change ? { label: "Undo", action: () => undo(answer.change, answer.named) } : {});
        } else {
            later(sentence, answer.change, answer.named, showPerson ? answer.person : null);
            location.reload();
        }
        return answer;
    } catch (error) {
        toast(error.message, { alarm: true });
        return null;
    }
}

// Told on the page that comes next.
function later(sentence, change, named = false, person = null) {
    sessionStorage.setItem("rollcall-toast", JSON.stringify({ sentence, change, named, person }));
}

function tellWhatWasDone() {
    const kept = sessionStorage.getItem("rollcall-toast");
    if (!kept) return;
    sessionStorage.removeItem("rollcall-toast");
    const { sentence, change, named, person } = JSON.parse(kept);
    toast(sentence, { person, ...(change ? { label: "Undo", action: () => undo(change, named) } : {}) });
}

// Names that begin as what is typed, in the list of the field.
function complete(field) {
    let timer = 0;
    field.addEventListener("input", () => {
        clearTimeout(timer);
        timer = setTimeout(async () => {
            const found = await send("GET", `/api/names?beginning=${encodeURIComponent(field.value)}`).catch(() => null);
            const list = document.getElementById(field.getAttribute("list"));
            if (!found || !list) return;
            list.replaceChildren(...found.people.map((it) => {
                const option = document.createElement("option");
                option.value = it.name;
                option.dataset.person = it.person_id;
                return option;
            }));
        }, 150);
    });
}

const crop = (face, key) => `/-/rollcall/crop/${face}?${key ? `v=${key.slice(0, 16)}&` : ""}blank=1`;
const mayChange = () => meta("may-change") === "yes";

document.querySelectorAll("[data-complete]").forEach(complete);
for (const button of document.querySelectorAll('[data-action="undo"]')) {
    button.addEventListener("click", () => undo(Number(button.dataset.change)));
}
for (const button of document.querySelectorAll('[data-action="redo"]')) {
    button.addEventListener("click", () => decide("/api/changes/redo", { change: Number(button.dataset.change) }, "Done again."));
}
tellWhatWasDone();
window.rollcall = { send, toast, undo, decide, later, crop, mayChange };
