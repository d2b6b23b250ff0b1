// What is going on, as it happens: server-sent events, and asking every few seconds where they do not come.

const { send } = window.rollcall;
const place = document.getElementById("live");
const part = (name) => place.querySelector(`[data-live="${name}"]`);
const item = (text) => Object.assign(document.createElement("li"), { textContent: text });
let polling = 0, picture = null;

function told(latest) {
    if (latest.version) {
        const found = latest.faces.length, at = Math.floor(latest.time_s);
        return `${Math.floor(at / 60)}:${String(at % 60).padStart(2, "0")} of a video, ${found} ${found === 1 ? "face" : "faces"}`;
    }
    const names = latest.faces.map((it) => it.name ?? (it.person_id ? `person ${it.person_id}` : "somebody"));
    return names.length ? `${names.slice(0, 6).join(", ")}${names.length > 6 ? " …" : ""}` : latest.kind;
}

function show(state) {
    part("line").textContent = state.waiting || state.running
        ? `${state.running.toLocaleString("en")} in hand, ${state.waiting.toLocaleString("en")} waiting` : "Everything is done.";
    part("videos").replaceChildren(...state.videos.map((it) => item(`${it.path}: ${it.told}`)));
    part("in-hand").replaceChildren(...state.in_hand.filter((it) => it.path).map((it) => item(it.path)));
    const latest = state.latest;
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
