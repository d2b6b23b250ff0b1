// The map of faces: points on a canvas, moved and brought nearer; the face under the pointer is shown.

const { send, toast, crop } = window.rollcall;
const canvas = document.querySelector("[data-map]"), hover = document.querySelector("[data-hover]");
const line = document.querySelector("[data-map-line]"), pen = canvas.getContext("2d");
const SIDE = 10000, NEAR = 12;
let points = null, scale = 1, left = 0, top_ = 0, shown = -1, held = null, moved = false;

// Colours far apart for numbers in a row: the golden angle.
const colour = (person) => person ? `hsl(${(person * 137.508) % 360} 65% 50%)` : "rgba(127, 140, 160, 0.55)";
const ratio = () => devicePixelRatio || 1;

function fit() {
    const box = canvas.getBoundingClientRect();
    scale = 0.94 * Math.min(box.width, box.height) / SIDE;
    left = (box.width - SIDE * scale) / 2;
    top_ = (box.height - SIDE * scale) / 2;
}

function draw() {
    const box = canvas.getBoundingClientRect();
    canvas.width = box.width * ratio();
    canvas.height = box.height * ratio();
    if (!points) return;
    pen.setTransform(ratio(), 0, 0, ratio(), 0, 0);
    const size = Math.max(2, Math.min(6, 60 / Math.sqrt(points.faces.length) * Math.sqrt(scale * SIDE / box.height)));
    let last = null;
    for (const place of points.order) {
        const x = left + points.x[place] * scale, y = top_ + points.y[place] * scale;
        if (x < -size || y < -size || x > box.width + size || y > box.height + size) continue;
        const person = points.people[place];
        if (person !== last) { pen.fillStyle = colour(person); last = person; }
        pen.fillRect(x - size / 2, y - size / 2, size, size);
    }
}

function under(event) {
    const box = canvas.getBoundingClientRect(), px = event.clientX - box.left, py = event.clientY - box.top;
    let best = -1, least = NEAR * NEAR;
    for (let place = 0; place < (points?.faces.length ?? 0); place += 1) {
        const dx = left + points.x[place] * scale - px, dy = top_ + points.y[place] * scale - py, far = dx * dx + dy * dy;
        if (far < least) { least = far; best = place; }
    }
    return best;
}

function show(event) {
    const place = under(event);
    canvas.style.cursor = place < 0 ? "grab" : "pointer";
    if (place !== shown) {
        shown = place;
        hover.hidden = place < 0;
        if (place >= 0) {
            const person = points.people[place], name = points.names[person] ?? (person ? `person ${person}` : "nobody known");
            const picture = Object.assign(new Image(), { src: crop(points.faces[place]), alt: "" });
            hover.replaceChildren(picture, name);
        }
    }
    if (place >= 0) {
        hover.style.left = `${Math.min(event.clientX + 14, innerWidth - 140)}px`;
        hover.style.top = `${Math.min(event.clientY + 14, innerHeight - 170)}px`;
    }
}

function zoom(factor, x, y) {
    const box = canvas.getBoundingClientRect(), least = 0.5 * Math.min(box.width, box.height) / SIDE;
    const wanted = Math.min(400 * least, Math.max(least, scale * factor));
    left = x - (x - left) * wanted / scale;
    top_ = y - (y - top_) * wanted / scale;
    scale = wanted;
    requestAnimationFrame(draw);
}

async function load(method) {
    line.textContent = "Loading …";
    try {
        points = await send("GET", `${canvas.dataset.source}?method=${method}`);
    } catch (error) {
        line.textContent = "";
        return toast(error.message, { alarm: true });
    }
    // Those that are nobody's are drawn first, the others by person.
    points.order = [...points.faces.keys()].sort((one, other) => points.people[one] - points.people[other]);
    const count = points.faces.length.toLocaleString("en");
    line.textContent = points.of > points.faces.length ? `${count} of ${points.of.toLocaleString("en")} faces` : `${count} faces`;
    canvas.dataset.loaded = String(points.faces.length);
    fit();
    draw();
}

canvas.addEventListener("pointerdown", (event) => { held = [event.clientX, event.clientY]; moved = false; canvas.setPointerCapture(event.pointerId); });
canvas.addEventListener("pointermove", (event) => {
    if (!held) return show(event);
    left += event.clientX - held[0];
    top_ += event.clientY - held[1];
    moved ||= Math.hypot(event.clientX - held[0], event.clientY - held[1]) > 2;
    held = [event.clientX, event.clientY];
    hover.hidden = true;
    shown = -1;
    requestAnimationFrame(draw);
});
canvas.addEventListener("pointerup", (event) => {
    held = null;
    const place = moved ? -1 : under(event);
    if (place >= 0) location.assign(`/faces/${points.faces[place]}`);
});
canvas.addEventListener("pointerleave", () => { hover.hidden = true; shown = -1; });
canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const box = canvas.getBoundingClientRect();
    zoom(Math.exp(-event.deltaY / 300), event.clientX - box.left, event.clientY - box.top);
}, { passive: false });
canvas.addEventListener("keydown", (event) => {
    const box = canvas.getBoundingClientRect(), step = 60;
    const way = { ArrowLeft: [step, 0], ArrowRight: [-step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] }[event.key];
    if (way) { left += way[0]; top_ += way[1]; requestAnimationFrame(draw); }
    else if (event.key === "+" || event.key === "=") zoom(1.4, box.width / 2, box.height / 2);
    else if (event.key === "-") zoom(1 / 1.4, box.width / 2, box.height / 2);
    else return;
    event.preventDefault();
});
for (const button of document.querySelectorAll("[data-method]")) {
    button.addEventListener("click", () => {
        for (const other of document.querySelectorAll("[data-method]")) other.setAttribute("aria-pressed", String(other === button));
        load(button.dataset.method);
    });
}
new ResizeObserver(() => draw()).observe(canvas);
load("pca");
