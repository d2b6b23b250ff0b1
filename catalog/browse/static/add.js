// Files and folders that are dropped or chosen go into the inbox one after the other, with progress.

const { send, toast, crop } = window.rollcall;
const drop = document.querySelector("[data-drop]");
const list = document.querySelector("[data-uploads]");
const line = document.querySelector("[data-uploads-line]");
const token = document.querySelector('meta[name="csrf"]').content;
const waiting = [];
let running = false, done = 0, failed = 0;

function add(file, folder) {
    if (file.name.startsWith(".")) return;
    waiting.push({ file, folder });
    tell();
    if (!running) work();
}

function tell() {
    const parts = [`${done} added`];
    if (failed) parts.push(`${failed} not`);
    if (waiting.length) parts.push(`${waiting.length} waiting`);
    line.textContent = parts.join(", ");
}

async function work() {
    running = true;
    while (waiting.length) {
        const { file, folder } = waiting.shift();
        const row = document.createElement("li");
        const bar = Object.assign(document.createElement("progress"), { max: 1, value: 0 });
        bar.setAttribute("aria-label", file.name);
        row.append(bar, ` ${folder ? `${folder}/` : ""}${file.name}`);
        list.prepend(row);
        try {
            await upload(file, folder, (share) => { bar.value = share; });
            bar.value = 1;
            done += 1;
            row.append(": added");
        } catch (error) {
            failed += 1;
            row.append(`: ${error.message}`);
            row.classList.add("rc-problem");
        }
        while (list.children.length > 50) list.lastChild.remove();
        tell();
    }
    running = false;
}

function upload(file, folder, progress) {
    return new Promise((resolve, reject) => {
        if (file.size > Number(drop.dataset.mostMb) * 1048576) return reject(new Error(`larger than ${drop.dataset.mostMb} MB`));
        const request = new XMLHttpRequest();
        request.open("POST", `/api/upload?${new URLSearchParams({ name: file.name, folder })}`);
        request.setRequestHeader("x-csrftoken", token);
        request.setRequestHeader("content-type", "application/octet-stream");
        request.upload.addEventListener("progress", (event) => { if (event.lengthComputable) progress(event.loaded / event.total); });
        request.addEventListener("load", () => {
            if (request.status === 201) return resolve();
            let sentence = `the server answered ${request.status}`;
            try { sentence = JSON.parse(request.responseText).error ?? sentence; } catch { /* no JSON */ }
            reject(new Error(sentence));
        });
        request.addEventListener("error", () => reject(new Error("the connection broke off")));
        request.send(file);
    });
}

// Folders that are dropped are walked by the browser.
async function walk(entry, folder) {
    if (entry.isFile) {
        await new Promise((resolve) => entry.file((file) => { add(file, folder); resolve(); }, resolve));
        return;
    }
    const reader = entry.createReader(), below = folder ? `${folder}/${entry.name}` : entry.name;
    for (;;) {
        const found = await new Promise((resolve) => reader.readEntries(resolve, () => resolve([])));
        if (!found.length) return;
        for (const it of found) await walk(it, below);
    }
}

if (drop) {
    for (const kind of ["dragenter", "dragover"]) drop.addEventListener(kind, (event) => { event.preventDefault(); drop.classList.add("rc-over"); });
    for (const kind of ["dragleave", "drop"]) drop.addEventListener(kind, () => drop.classList.remove("rc-over"));
    drop.addEventListener("drop", (event) => {
        event.preventDefault();
        const entries = [...event.dataTransfer.items].map((it) => it.webkitGetAsEntry?.()).filter(Boolean);
        if (entries.length) for (const it of entries) walk(it, "");
        else for (const file of event.dataTransfer.files) add(file, "");
    });
    for (const field of drop.querySelectorAll("[data-files]")) {
        field.addEventListener("change", () => {
            for (const file of field.files) add(file, file.webkitRelativePath.split("/").slice(0, -1).join("/"));
            field.value = "";
        });
    }
    window.addEventListener("beforeunload", (event) => { if (running) event.preventDefault(); });
}

const fetching = document.querySelector('[data-form="fetch"]');
fetching?.addEventListener("submit", async (event) => {
    event.preventDefault();
    const field = fetching.querySelector("textarea");
    const urls = field.value.split("\n").map((it) => it.trim()).filter(Boolean);
    try {
        const { jobs } = await send("POST", "/api/process_urls", { urls });
        field.value = "";
        toast("They are fetched.");
        jobs.forEach((job, place) => follow(job, urls[place]));
    } catch (error) {
        toast(error.message, { alarm: true });
    }
});

async function follow(job, address) {
    const row = document.createElement("li");
    document.querySelector("[data-fetches]").prepend(row);
    for (;;) {
        const told = await send("GET", `/api/job_status/${job}`).catch((error) => ({ state: "gone", error: error.message }));
        const state = { waiting: "waits", running: "is being fetched", done: "is there" }[told.state] ?? told.state;
        row.textContent = `${address}: ${state}${told.error ? `: ${told.error}` : ""}`;
        if (!["waiting", "running"].includes(told.state)) return;
        await new Promise((resolve) => setTimeout(resolve, 1000));
    }
}

document.querySelector("[data-search]")?.addEventListener("change", async (event) => {
    const [file] = event.target.files, place = document.querySelector("[data-found]");
    event.target.value = "";
    if (!file) return;
    place.textContent = "Looking …";
    let answer;
    try {
        const response = await fetch("/api/search", { method: "POST", body: file, headers: { "x-csrftoken": token, "content-type": "application/octet-stream" } });
        answer = await response.json();
    } catch {
        answer = { error: "Rollcall does not answer." };
    }
    if (answer.error) { place.textContent = answer.error; return; }
    place.replaceChildren(...answer.faces.map((face, number) => {
        const box = document.createElement("section"), title = document.createElement("h3"), who = face.person;
        title.textContent = `Face ${number + 1}: ${who ? `${who.certain ? "" : "perhaps "}${who.name ?? `person ${who.person_id}`}` : "nobody known"}`;
        const near = document.createElement("ul");
        near.className = "rc-faces";
        for (const it of face.nearest) {
            const row = document.createElement("li"), link = Object.assign(document.createElement("a"), { href: `/faces/${it.face_id}` });
            const picture = Object.assign(new Image(), { src: crop(it.face_id), alt: `Face ${it.face_id}`, className: "rc-face" });
            link.append(picture);
            row.append(link, `${it.name ?? ""} ${it.similarity.toFixed(3)}`);
            near.append(row);
        }
        box.append(title, near);
        return box;
    }));
});
