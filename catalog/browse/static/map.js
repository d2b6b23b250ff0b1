// The map of faces: points on a plane; the face under the pointer is shown.

const { send, toast, crop, plane, nearest } = window.rollcall;
const canvas = document.querySelector("[data-map]"), line = document.querySelector("[data-map-line]");
const SIDE = 10000, NEAR = 12;
let points = { faces: [], x: [], y: [], people: [], names: {}, order: [] };

// Colours far apart for numbers in a row: the golden angle.
const colour = (person) => person ? `hsl(${(person * 137.508) % 360} 65% 50%)` : "rgba(127, 140, 160, 0.55)";

function paint(pen, view, box) {
    const nearer = view.scale * SIDE / box.height;
    const size = Math.max(2, Math.min(6, 60 / Math.sqrt(points.faces.length) * Math.sqrt(nearer)));
    let last = null;
    for (const place of points.order) {
        const x = view.left + points.x[place] * view.scale, y = view.top + points.y[place] * view.scale;
        if (x < -size || y < -size || x > box.width + size || y > box.height + size) continue;
        const person = points.people[place];
        if (person !== last) { pen.fillStyle = colour(person); last = person; }
        pen.fillRect(x - size / 2, y - size / 2, size, size);
    }
}

function about(place) {
    const person = points.people[place], name = points.names[person] ?? (person ? `person ${person}` : "nobody known");
    return [Object.assign(new Image(), { src: crop(points.faces[place]), alt: "" }), name];
}

const faces = plane(canvas, {
    limits: (box) => { const least = 0.5 * Math.min(box.width, box.height) / SIDE; return [least, 400 * least]; },
    paint,
    under: (x, y, view) => nearest(points, x, y, view, NEAR),
    about,
    start: whole,
    open: (place) => location.assign(`/faces/${points.faces[place]}`),
});

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
    if (!points.faces.length) line.textContent = "No face was found yet.";
    else line.textContent = points.of > points.faces.length ? `${count} of ${points.of.toLocaleString("en")} faces` : `${count} faces`;
    canvas.dataset.loaded = String(points.faces.length);
    whole();
}

// All of them, but for what lies very far out.
function whole() {
    const least = (list) => Math.max(-0.2 * SIDE, Math.min(0, ...list)), most = (list) => Math.min(1.2 * SIDE, Math.max(SIDE, ...list));
    faces.fit(least(points.x), least(points.y), most(points.x), most(points.y));
}

for (const button of document.querySelectorAll("[data-method]")) {
    button.addEventListener("click", () => {
        for (const other of document.querySelectorAll("[data-method]")) other.setAttribute("aria-pressed", String(other === button));
        load(button.dataset.method);
    });
}
load("pca");
