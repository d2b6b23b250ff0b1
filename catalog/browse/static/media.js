// The filter: a name that is chosen becomes a person of the address.

const { send, toast } = window.rollcall;
const form = document.querySelector('[data-form="filter"]');

form?.addEventListener("click", (event) => {
    if (event.target.dataset.action === "unchip") {
        event.target.closest(".rc-chip").remove();
        form.requestSubmit();
    }
});
form?.addEventListener("submit", async (event) => {
    const field = form.querySelector("[data-person-input]");
    const wanted = field.value.trim();
    if (wanted) {
        event.preventDefault();
        const found = await send("GET", `/api/names?beginning=${encodeURIComponent(wanted)}`).catch(() => ({ people: [] }));
        const same = found.people.filter((it) => it.name.toLowerCase() === wanted.toLowerCase());
        const person = (same[0] ?? found.people[0])?.person_id;
        if (!person) return toast(`Nobody is called ${wanted}.`, { alarm: true });
        const input = document.createElement("input");
        Object.assign(input, { type: "hidden", name: "person", value: person });
        form.append(input);
        field.value = "";
        form.requestSubmit();
        return;
    }
    // What was not filled in does not stand in the address.
    for (const it of form.elements) if (it.name && !it.value) it.disabled = true;
});
form?.querySelector("[data-person-input]")?.addEventListener("change", () => form.requestSubmit());
window.addEventListener("pageshow", () => { for (const it of form?.elements ?? []) it.disabled = false; });
