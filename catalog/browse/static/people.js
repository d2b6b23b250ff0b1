// People and their faces: naming in place, picking several to merge, selecting faces to split off.

const { send, toast, decide, later } = window.rollcall;
const bar = (name) => document.querySelector(`[data-bar="${name}"]`);
const on = (action, listener) => {
    for (const it of document.querySelectorAll(`[data-action="${action}"]`)) it.addEventListener("click", () => listener(it));
};

// Items of a list that are chosen by click, space or enter, until it is ended.
function chooser(list, key, barName) {
    const chosen = new Set();
    const shown = bar(barName);
    let active = false;
    const tell = () => {
        shown.hidden = !active;
        shown.querySelector("[data-bar-count]").textContent = `${chosen.size} chosen`;
        for (const button of shown.querySelectorAll("button:not([data-action$=end])")) button.disabled = chosen.size === 0;
    };
    const items = () => list.querySelectorAll(`[data-${key}]`);
    const toggle = (item) => {
        const number = Number(item.dataset[key]);
        if (!chosen.delete(number)) chosen.add(number);
        item.setAttribute("aria-selected", String(chosen.has(number)));
        tell();
    };
    list.addEventListener("click", (event) => {
        const item = event.target.closest(`[data-${key}]`);
        if (!active || !item) return;
        event.preventDefault();
        toggle(item);
    });
    list.addEventListener("keydown", (event) => {
        const item = event.target.closest(`[data-${key}]`);
        if (active && item && event.key === " ") {
            event.preventDefault();
            toggle(item);
        }
    });
    document.addEventListener("keydown", (event) => { if (active && event.key === "Escape" && !document.querySelector("dialog[open]")) end(); });
    function end() {
        active = false;
        chosen.clear();
        list.removeAttribute("role");
        list.removeAttribute("aria-multiselectable");
        for (const item of items()) { item.removeAttribute("role"); item.removeAttribute("aria-selected"); }
        tell();
    }
    return {
        chosen,
        end,
        start() {
            active = true;
            list.setAttribute("role", "listbox");
            list.setAttribute("aria-multiselectable", "true");
            list.setAttribute("aria-label", "Choose");
            for (const item of items()) { item.setAttribute("role", "option"); item.setAttribute("aria-selected", "false"); }
            tell();
        },
    };
}

async function name(person, wanted) {
    try {
        const answer = await send("POST", `/api/people/${person}/name`, { name: wanted });
        later(wanted.trim() ? `Named ${wanted.trim()}.` : "The name was taken away.", answer.change);
        location.assign(`/people/${answer.person}`);
    } catch (error) {
        const same = error.answer.same;
        if (!same) return toast(error.message, { alarm: true });
        toast(`${error.message} Are they one?`, {
            label: "Yes, merge them",
            action: async () => {
                const answer = await decide("/api/people/merge", { people: [person], into: same[0] }, "", (it) => it);
                if (answer) { later("They are one.", answer.change); location.assign(`/people/${same[0]}`); }
            },
        });
    }
}

for (const form of document.querySelectorAll('[data-form="name"]')) {
    form.addEventListener("submit", (event) => {
        event.preventDefault();
        name(Number(form.dataset.person), form.elements.name.value);
    });
}
for (const form of document.querySelectorAll('[data-form="whose"]')) {
    form.addEventListener("submit", (event) => {
        event.preventDefault();
        const wanted = form.querySelector("input").value.trim();
        if (wanted) decide("/api/faces/confirm", { faces: [Number(form.dataset.face)], name: wanted }, `That is ${wanted}.`);
    });
}

const gallery = document.querySelector("[data-people]");
if (gallery && bar("people")) {
    const people = chooser(gallery, "person", "people");
    on("pick", () => people.start());
    on("pick-end", () => people.end());
    on("hide-people", () => decide("/api/people/hide", { people: [...people.chosen] }, "Hidden."));
    on("show-people", () => decide("/api/people/show", { people: [...people.chosen] }, "Shown again."));
    on("merge", async () => {
        if (people.chosen.size < 2) return toast("Pick two people at least.", { alarm: true });
        const named = [...people.chosen].map((it) => gallery.querySelector(`[data-person="${it}"] .rc-name`).textContent.trim()).filter((it) => !/^person \d+$/.test(it));
        if (named.length > 1 && !confirm(`${named.join(" and ")} are one person?`)) return;
        const [into, ...others] = people.chosen;
        const answer = await decide("/api/people/merge", { people: others, into }, "", (it) => it);
        if (answer) { later("They are one.", answer.change); location.assign(`/people/${into}`); }
    });
}

const who = document.querySelector(".rc-who[data-person]");
const list = document.querySelector("[data-faces]");
if (who && list && bar("faces")) {
    const person = Number(who.dataset.person);
    const faces = chooser(list, "face", "faces");
    const dialog = document.querySelector('[data-dialog="who"]');
    on("select", () => faces.start());
    on("select-end", () => faces.end());
    on("confirm-all", (button) => {
        const count = Number(button.dataset.count), here = list.querySelectorAll("[data-face]").length;
        if (count > here && !confirm(`Confirm all ${count.toLocaleString("en")}, those on other pages too?`)) return;
        decide(`/api/people/${person}/confirm_all`, {}, "Confirmed.");
    });
    on("hide-person", () => decide(`/api/people/${person}/hide`, {}, "Hidden: they appear in no list."));
    on("show-person", () => decide(`/api/people/${person}/show`, {}, "Shown again."));
    on("confirm-faces", () => decide("/api/faces/confirm", { faces: [...faces.chosen], person }, "Confirmed."));
    on("not-faces", () => decide("/api/faces/reject", { faces: [...faces.chosen] }, "They are no faces."));
    on("cover", () => {
        if (faces.chosen.size !== 1) return toast("Choose one face as the cover.", { alarm: true });
        decide(`/api/people/${person}/cover`, { face: [...faces.chosen][0] }, "That is the cover now.");
    });
    on("split", () => { dialog.returnValue = ""; dialog.querySelector("input").value = ""; dialog.showModal(); });
    dialog.addEventListener("close", () => {
        if (dialog.returnValue !== "ok") return;
        const wanted = dialog.querySelector("input").value.trim();
        const body = { faces: [...faces.chosen], ...(wanted ? { name: wanted } : {}) };
        decide(`/api/people/${person}/split`, body, wanted ? `They are ${wanted}.` : "They are somebody else.", null, true);
    });
}

for (const button of document.querySelectorAll(".rc-ask [data-answer]")) {
    const { face, person } = button.closest(".rc-ask").dataset;
    const body = { faces: [Number(face)], person: Number(person) };
    button.addEventListener("click", () => button.dataset.answer === "yes"
        ? decide("/api/faces/confirm", body, "Confirmed.") : decide("/api/faces/reject", body, "It is not them."));
}
const acts = document.querySelector("[data-acts]");
if (acts) {
    const face = Number(acts.dataset.face), person = Number(acts.dataset.person);
    on("confirm-face", () => decide("/api/faces/confirm", { faces: [face], person }, "Confirmed."));
    on("reject-face", () => decide("/api/faces/reject", { faces: [face], person }, "It is not them."));
    on("no-face", () => decide("/api/faces/reject", { faces: [face] }, "It is no face."));
    on("a-face", () => decide("/api/faces/show", { faces: [face] }, "It is a face."));
}
// The marks are in pixels of the crop, whose size the picture tells.
const marks = document.querySelector("[data-marks]"), picture = marks?.parentElement.querySelector("img");
const sized = () => { if (picture.naturalWidth) marks.setAttribute("viewBox", `0 0 ${picture.naturalWidth} ${picture.naturalHeight}`); };
if (marks) { picture.loading = "eager"; picture.addEventListener("load", sized); sized(); }
document.querySelector("[data-toggle-marks]")?.addEventListener("change", (event) => {
    document.querySelector("[data-marks]")?.toggleAttribute("hidden", !event.target.checked);
});
