// Where photos and videos were taken: circles on the world in Mercator's projection, over tiles where there are any.

const { send, toast, plane, nearest } = window.rollcall;
const canvas = document.querySelector("[data-places]"), line = document.querySelector("[data-places-line]");
const link = document.querySelector("[data-in-view]");
const TILE = 256, DEEPEST = 19, CELL = 44, RADIUS = 16, MOST_TILES = 400;
const query = canvas.dataset.query;
let found = { latitude: [], longitude: [], counts: [], media: [], step: 0, total: 0 }, at = { x: [], y: [] };
let circles = { level: null, x: [], y: [] };

const across = (longitude) => (longitude + 180) / 360;
const down = (latitude) => {
    const angle = Math.max(-85.05, Math.min(85.05, latitude)) * Math.PI / 180;
    return (1 - Math.asinh(Math.tan(angle)) / Math.PI) / 2;
};
const longitudeOf = (x) => Math.max(-180, Math.min(180, x * 360 - 180));
const latitudeOf = (y) => Math.atan(Math.sinh(Math.PI * (1 - 2 * Math.max(0, Math.min(1, y))))) * 180 / Math.PI;
const levelOf = (view) => Math.log2(view.scale / TILE);

// What lies in one cell is one circle; the cells stay where they are while the map moves.
function gathered(level) {
    const cells = 2 ** level * TILE / CELL, all = new Map();
    for (let place = 0; place < at.x.length; place += 1) {
        const key = Math.floor(at.x[place] * cells) * 1e7 + Math.floor(at.y[place] * cells);
        const count = found.counts[place];
        let it = all.get(key);
        if (!it) all.set(key, it = { count: 0, x: 0, y: 0, media: found.media[place], places: [] });
        it.count += count;
        it.x += at.x[place] * count;
        it.y += at.y[place] * count;
        it.places.push(place);
    }
    const list = [...all.values()].sort((one, other) => one.count - other.count);
    return { level, list, x: list.map((it) => it.x / it.count), y: list.map((it) => it.y / it.count) };
}

const tiles = new Map();
function tile(zoom, x, y) {
    const key = `${zoom}/${x}/${y}`;
    let image = tiles.get(key);
    if (!image) {
        if (tiles.size > MOST_TILES) tiles.delete(tiles.keys().next().value);
        image = new Image();
        image.addEventListener("load", () => world.redraw());
        image.src = canvas.dataset.tiles.replace("{z}", zoom).replace("{x}", x).replace("{y}", y);
        tiles.set(key, image);
    }
    return image;
}

function paintTiles(pen, view, box) {
    const zoom = Math.max(0, Math.min(DEEPEST, Math.ceil(levelOf(view) - 0.35))), count = 2 ** zoom, side = view.scale / count;
    for (let y = Math.max(0, Math.floor(-view.top / side)); y < Math.min(count, (box.height - view.top) / side); y += 1) {
        for (let x = Math.max(0, Math.floor(-view.left / side)); x < Math.min(count, (box.width - view.left) / side); x += 1) {
            const image = tile(zoom, x, y);
            if (image.complete && image.naturalWidth) pen.drawImage(image, view.left + x * side, view.top + y * side, side + 0.5, side + 0.5);
        }
    }
}

function degrees(value, digits, below, above) {
    const text = Math.abs(value).toFixed(digits);
    return `${text}°${Number(text) === 0 ? "" : value < 0 ? below : above}`;
}

// Without tiles: meridians and parallels, as many as there is room for, with their degrees.
function paintDegrees(pen, view, box, style) {
    const step = [30, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001].findLast((it) => it / 360 * view.scale >= 70) ?? 30;
    const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
    pen.strokeStyle = style.getPropertyValue("--line");
    pen.fillStyle = style.color;
    pen.font = "11px system-ui, sans-serif";
    pen.beginPath();
    const west = longitudeOf(-view.left / view.scale), east = longitudeOf((box.width - view.left) / view.scale);
    for (let it = Math.ceil(west / step) * step; it <= east + 1e-9; it += step) {
        const x = Math.round(view.left + across(it) * view.scale) + 0.5;
        pen.moveTo(x, Math.max(0, view.top));
        pen.lineTo(x, Math.min(box.height, view.top + view.scale));
        pen.fillText(degrees(it, digits, "W", "E"), x + 3, box.height - 5);
    }
    const south = latitudeOf((box.height - view.top) / view.scale), north = latitudeOf(-view.top / view.scale);
    for (let it = Math.ceil(south / step) * step; it <= north + 1e-9; it += step) {
        const y = Math.round(view.top + down(it) * view.scale) + 0.5;
        pen.moveTo(Math.max(0, view.left), y);
        pen.lineTo(Math.min(box.width, view.left + view.scale), y);
        pen.fillText(degrees(it, digits, "S", "N"), 4, y - 4);
    }
    pen.stroke();
}

function paint(pen, view, box) {
    const style = getComputedStyle(canvas);
    (canvas.dataset.tiles ? paintTiles : paintDegrees)(pen, view, box, style);
    const level = Math.round(levelOf(view) * 2) / 2;
    if (circles.level !== level) circles = gathered(level);
    pen.font = "600 12px system-ui, sans-serif";
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    circles.list.forEach((it, place) => {
        const x = view.left + circles.x[place] * view.scale, y = view.top + circles.y[place] * view.scale;
        if (x < -RADIUS || y < -RADIUS || x > box.width + RADIUS || y > box.height + RADIUS) return;
        pen.beginPath();
        pen.arc(x, y, it.count === 1 ? 7 : RADIUS, 0, 2 * Math.PI);
        pen.fillStyle = style.getPropertyValue("--strong");
        pen.strokeStyle = style.getPropertyValue("--on-strong");
        pen.lineWidth = 2;
        pen.fill();
        pen.stroke();
        if (it.count === 1) return;
        pen.fillStyle = style.getPropertyValue("--on-strong");
        pen.fillText(it.count < 1000 ? it.count : `${Math.round(it.count / 1000)}k`, x, y + 0.5);
    });
    pen.textAlign = "start";
    pen.textBaseline = "alphabetic";
}

const address = (area) => `/media?${[query, `area=${area.map((it) => it.toFixed(4)).join(",")}`].filter(Boolean).join("&")}`;

function open(place) {
    const it = circles.list[place];
    if (it.count === 1) return location.assign(`/media/${it.media}${query ? `?${query}` : ""}`);
    const xs = it.places.map((each) => at.x[each]), ys = it.places.map((each) => at.y[each]);
    const corners = [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
    if (it.places.length > 1 && levelOf(world.view) < DEEPEST - 1) return world.fit(...corners, 0.7);
    const room = found.step;
    location.assign(address([latitudeOf(corners[3]) - room, longitudeOf(corners[0]) - room, latitudeOf(corners[1]) + room, longitudeOf(corners[2]) + room]));
}

function about(place) {
    const it = circles.list[place];
    const picture = Object.assign(new Image(), { src: `/-/rollcall/preview/${it.media}?tile=1&blank=1`, alt: "" });
    return [picture, it.count === 1 ? "" : `${it.count.toLocaleString("en")} photos and videos`];
}

// The address tells what is seen, and the line how many lie there.
function settled(view, box) {
    if (!canvas.dataset.loaded) return;
    const sides = [latitudeOf((box.height - view.top) / view.scale), longitudeOf(-view.left / view.scale), latitudeOf(-view.top / view.scale), longitudeOf((box.width - view.left) / view.scale)];
    const [south, west, north, east] = sides;
    let seen = 0;
    for (let place = 0; place < at.x.length; place += 1) {
        const latitude = found.latitude[place], longitude = found.longitude[place];
        if (latitude >= south && latitude <= north && longitude >= west && longitude <= east) seen += found.counts[place];
    }
    link.hidden = !seen;
    link.href = address(sides);
    link.textContent = `Show the ${seen.toLocaleString("en")} in view`;
    const middle = [latitudeOf((box.height / 2 - view.top) / view.scale), longitudeOf((box.width / 2 - view.left) / view.scale)].map((it) => it.toFixed(4));
    history.replaceState(null, "", `#${levelOf(view).toFixed(1)}/${middle.join("/")}`);
}

const world = plane(canvas, {
    limits: (box) => [Math.min(box.width, box.height), TILE * 2 ** DEEPEST],
    paint,
    under: (x, y, view) => nearest(circles, x, y, view, RADIUS),
    about,
    open,
    start: whole,
    settled,
});

// Where the address says, else so that everything is seen.
function begin() {
    const [level, latitude, longitude] = location.hash.slice(1).split("/").map(Number);
    if ([level, latitude, longitude].every(Number.isFinite)) {
        const box = world.box(), scale = TILE * 2 ** Math.max(0, Math.min(DEEPEST, level));
        return world.look(scale, box.width / 2 - across(longitude) * scale, box.height / 2 - down(latitude) * scale);
    }
    whole();
}

function whole() {
    if (!at.x.length) return world.fit(0, 0, 1, 1);
    const room = 0.0005;
    world.fit(Math.min(...at.x) - room, Math.min(...at.y) - room, Math.max(...at.x) + room, Math.max(...at.y) + room, 0.8);
}

async function load() {
    line.textContent = "Loading …";
    try {
        found = await send("GET", `${canvas.dataset.source}${query ? `?${query}` : ""}`);
    } catch (error) {
        line.textContent = "";
        return toast(error.message, { alarm: true });
    }
    at = { x: found.longitude.map(across), y: found.latitude.map(down) };
    circles.level = null;
    line.textContent = found.total ? `${found.total.toLocaleString("en")} know where they were taken` : "None of them says where it was taken.";
    canvas.dataset.loaded = String(found.total);
    begin();
}

window.addEventListener("hashchange", begin);
load();
