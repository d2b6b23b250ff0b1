// What is going on, as it happens: server-sent events, and asking every few seconds where they do not come.

const { send } = window.rollcall;
const place = document.getElementById("live");
const part = (name) => place.querySelector(`[data-live="${name}"]`);
const item = (text) => Object.assign(document.createElement("li"), { textContent: text });
const tasks = (count) => `${count.toLocaleString("en")} ${count === 1 ? "task" : "tasks"}`;
const FRESH_S = 10;
let polling = 0, picture = null, seen = null, renewed = Date.now();

// What is new, and the figures: the same page again, now and then while something comes.
async function renew() {
    const fresh = [...document.querySelectorAll("[data-fresh]")];
    if (Date.now() - renewed < FRESH_S * 1000 || fresh.some((it) => it.contains(document.activeElement))) return;
    renewed = Date.now();
    const answer = await fetch(location.href).catch(() => null);
    if (!answer?.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const it of fresh) {
        const other = page.querySelector(`[data-fresh="${it.dataset.fresh}"]`);
        if (other) it.replaceChildren(...other.childNodes);
    }
}

function told(latest) {
    if (latest.version) {
        const found = latest.faces.length, at = Math.floor(latest.time_s);
        return `${latest.name} at ${Math.floor(at / 60)}:${String(at % 60).padStart(2, "0")}, ${found} ${found === 1 ? "face" : "faces"}`;
    }
    const names = latest.faces.map((it) => it.name ?? (it.person_id ? `person ${it.person_id}` : "somebody"));
    return names.length ? `${names.slice(0, 6).join(", ")}${names.length > 6 ? " …" : ""}` : latest.kind;
}

function show(state) {
    part("line").textContent = state.waiting || state.running
        ? `${tasks(state.running)} in hand, ${state.waiting.toLocaleString("en")} waiting` : place.dataset.empty ? "" : "Everything is done.";
    part("videos").replaceChildren(...state.videos.map((it) => item(`${it.path}: ${it.told}`)));
    part("in-hand").replaceChildren(...state.in_hand.filter((it) => it.path).map((it) => item(it.path)));
    const latest = state.latest, mark = JSON.stringify([latest?.media_id, state.waiting, state.running, state.questions]);
    if (seen !== null && seen !== mark) renew();
    seen = mark;
    part("stage").hidden = !latest;
    if (!latest) return;
    part("link").href = place.dataset.media + latest.media_id;
    const source = latest.version
        ? `${place.dataset.still}${latest.media_id}?v=${encodeURIComponent(latest.version)}`
        : `${place.dataset.preview}${latest.media_id}?blank=1`;
    const boxes = part("boxes");
    if (!picture) boxes.before(picture = Object.assign(new Image(), { alt: "The picture that was worked on last" }));
    if (!picture.src.endsWith(source)) picture.src = source;
    boxes.setAttribute("viewBox", `0 0 ${latest.width || 1} ${latest.height || 1}`);
    boxes.replaceChildren(...latest.faces.map((it) => {
        const box = document.createElementNS("http://www.w3.org/2000/svg", "rect");
        for (const [key, value] of [["x", it.x], ["y", it.y], ["width", it.w], ["height", it.h]]) box.setAttribute(key, value);
        return box;
    }));
    part("caption").textContent = `Last: ${told(latest)}`;
}

function poll() {
    clearTimeout(polling);
    polling = setTimeout(async () => {
        await send("GET", place.dataset.once).then(show, () => {});
        poll();
    }, 3000);
}

if (place) {
    if (window.EventSource) {
        const source = new EventSource(place.dataset.source);
        source.addEventListener("message", (event) => { clearTimeout(polling); show(JSON.parse(event.data)); });
        source.addEventListener("error", () => { if (source.readyState === EventSource.CLOSED) poll(); });
        window.addEventListener("pagehide", () => source.close());
    } else {
        poll();
    }
}
