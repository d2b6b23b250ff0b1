// The filter: a name that is chosen becomes a person of the address.

const { send, toast } = window.rollcall;
const form = document.querySelector('[data-form="filter"]');

form?.addEventListener("click", (event) => {
    if (event.target.dataset.action === "unchip") {
        event.target.closest(".rc-chip").remove();
        form.requestSubmit();
    }
});
// A person is taken by their whole name, or by a beginning that only one has.
let asking = false;
async function addPerson(field, wanted) {
    if (asking) return;
    asking = true;
    const found = await send("GET", `/api/names?beginning=${encodeURIComponent(wanted)}`).catch(() => ({ people: [] }));
    asking = false;
    const same = found.people.filter((it) => it.name.toLowerCase() === wanted.toLowerCase());
    const [who] = same.length ? same : found.people.length === 1 ? found.people : [];
    if (!who) {
        const sentence = found.people.length ? `${found.people.length === 12 ? "Many" : found.people.length} people begin so: choose one.` : `Nobody is called ${wanted}.`;
        return toast(sentence, { alarm: true });
    }
    field.value = "";
    form.append(Object.assign(document.createElement("input"), { type: "hidden", name: "person", value: who.person_id }));
    form.requestSubmit();
}

form?.addEventListener("submit", (event) => {
    const field = form.querySelector("[data-person-input]"), wanted = field.value.trim();
    if (wanted) {
        event.preventDefault();
        addPerson(field, wanted);
        return;
    }
    // What was not filled in does not stand in the address.
    for (const it of form.elements) if (it.name && (!it.value || (it.name === "order" && it.value === "newest"))) it.disabled = true;
});
// Chosen from the list: the whole name is there at once.
form?.querySelector("[data-person-input]")?.addEventListener("input", (event) => {
    const chosen = [...form.querySelectorAll("#known option")].some((it) => it.value === event.target.value);
    if (chosen && event.inputType !== "insertText") form.requestSubmit();
});
window.addEventListener("pageshow", () => {
    form?.reset();  // what the address says, also after going back
    for (const it of form?.elements ?? []) it.disabled = false;
});
