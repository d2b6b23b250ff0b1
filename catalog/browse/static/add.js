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
    if (failed) parts.push(`${failed} not added`);
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
            const { path } = await upload(file, folder, (share) => { bar.value = share; });
            const stored = path.split("/").pop();
            bar.value = 1;
            done += 1;
            row.append(stored === file.name ? ": added" : `: added as ${stored}`);
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
            if (request.status === 201) return resolve(JSON.parse(request.responseText));
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
    // Beside the box too: the browser would open what is dropped there, and leave the page.
    for (const kind of ["dragenter", "dragover"]) window.addEventListener(kind, (event) => { event.preventDefault(); drop.classList.add("rc-over"); });
    for (const kind of ["dragleave", "drop"]) window.addEventListener(kind, () => drop.classList.remove("rc-over"));
    window.addEventListener("drop", (event) => {
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

// What the browser was given, cut to a face; the server keeps none of it.
async function cutOut(file, box) {
    const canvas = Object.assign(document.createElement("canvas"), { width: 96, height: 96, className: "rc-face" });
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", "The face in your picture");
    const picture = await createImageBitmap(file).catch(() => null);
    if (!picture) return null;
    const side = 1.4 * Math.max(box.w, box.h);
    canvas.getContext("2d").drawImage(picture, box.x + box.w / 2 - side / 2, box.y + box.h / 2 - side / 2, side, side, 0, 0, 96, 96);
    return canvas;
}

function whose(face) {
    const who = face.person, alike = face.nearest[0];
    if (who) return [`${who.certain ? "" : "perhaps "}`, who.person_id, who.name];
    return alike?.person_id ? ["most like ", alike.person_id, alike.name] : ["nobody known", null, null];
}

const link = (person, name) => Object.assign(document.createElement("a"), { href: `/people/${person}`, textContent: name ?? `person ${person}` });

async function section(file, face, number) {
    const box = document.createElement("section"), title = document.createElement("h3"), near = document.createElement("ul");
    const [how, person, name] = whose(face);
    title.append(`Face ${number + 1}: ${how}`, ...(person ? [link(person, name)] : []));
    near.className = "rc-faces rc-named-faces";
    for (const it of face.nearest) {
        const row = document.createElement("li"), found = Object.assign(document.createElement("a"), { href: `/faces/${it.face_id}` });
        found.append(Object.assign(new Image(), { src: crop(it.face_id), alt: `Face ${it.face_id}`, className: "rc-face" }));
        row.append(found, ...(it.person_id ? [link(it.person_id, it.name)] : []), ` ${it.similarity.toFixed(3)} alike`);
        near.append(row);
    }
    box.append(title, ...[await cutOut(file, face.box)].filter(Boolean), near);
    return box;
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
    place.replaceChildren(...await Promise.all(answer.faces.map((face, number) => section(file, face, number))));
});
