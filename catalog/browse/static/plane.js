// A canvas that is moved and brought nearer by mouse, fingers and keys; what is under the pointer is told and opened.

const STEP = 60, STILL_PX = 3;

// `limits(box)`: least and most pixels per unit; `paint(pen, view, box)`: a point lies at left + x · scale;
// `under(x, y, view)`: which thing is there, −1 for none; `about(thing)`: nodes; `open(thing)`; `start()`: as at first; `settled(view, box)`.
function plane(canvas, { limits, paint, under, about, open, start, settled = () => {} }) {
    const pen = canvas.getContext("2d"), hover = document.querySelector("[data-hover]");
    const view = { scale: 1, left: 0, top: 0 }, held = new Map();
    let shown = -1, moved = false, waits = false, resting = 0;

    const box = () => canvas.getBoundingClientRect();
    const inside = (event) => { const it = box(); return [event.clientX - it.left, event.clientY - it.top]; };

    function redraw() {
        if (waits) return;
        waits = true;
        requestAnimationFrame(() => {
            waits = false;
            const own = box(), ratio = devicePixelRatio || 1;
            canvas.width = own.width * ratio;
            canvas.height = own.height * ratio;
            pen.setTransform(ratio, 0, 0, ratio, 0, 0);
            paint(pen, view, own);
        });
        clearTimeout(resting);
        resting = setTimeout(() => settled(view, box()), 250);
    }

    function look(scale, left, top) {
        Object.assign(view, { scale, left, top });
        redraw();
    }

    function zoom(factor, x, y) {
        const [least, most] = limits(box()), wanted = Math.min(most, Math.max(least, view.scale * factor));
        look(wanted, x - (x - view.left) * wanted / view.scale, y - (y - view.top) * wanted / view.scale);
    }

    // So that all between two corners is seen.
    function fit(x0, y0, x1, y1, room = 0.94) {
        const own = box(), [least, most] = limits(own);
        const scale = Math.min(most, Math.max(least, room * Math.min(own.width / Math.max(1e-12, x1 - x0), own.height / Math.max(1e-12, y1 - y0))));
        look(scale, (own.width - (x0 + x1) * scale) / 2, (own.height - (y0 + y1) * scale) / 2);
    }

    function tell(event) {
        const thing = under(...inside(event), view);
        canvas.style.cursor = thing < 0 ? "grab" : "pointer";
        if (thing !== shown) {
            shown = thing;
            hover.hidden = thing < 0;
            if (thing >= 0) hover.replaceChildren(...about(thing));
        }
        if (thing >= 0) {
            hover.style.left = `${Math.min(event.clientX + 14, innerWidth - 140)}px`;
            hover.style.top = `${Math.min(event.clientY + 14, innerHeight - 170)}px`;
        }
    }

    function hide() { hover.hidden = true; shown = -1; }

    const middle = () => { const all = [...held.values()]; return [all.reduce((sum, it) => sum + it[0], 0) / all.length, all.reduce((sum, it) => sum + it[1], 0) / all.length]; };
    const spread = () => { const [one, other] = [...held.values()]; return other ? Math.hypot(one[0] - other[0], one[1] - other[1]) : 0; };

    canvas.addEventListener("pointerdown", (event) => {
        held.set(event.pointerId, inside(event));
        moved = held.size > 1;
        canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
        const before = held.get(event.pointerId);
        if (!before) return tell(event);
        const [x0, y0] = middle(), apart = spread(), now = inside(event);
        if (!moved && Math.hypot(now[0] - before[0], now[1] - before[1]) < STILL_PX) return;
        moved = true;
        held.set(event.pointerId, now);
        const [x1, y1] = middle();
        look(view.scale, view.left + x1 - x0, view.top + y1 - y0);
        if (apart > 0 && spread() > 0) zoom(spread() / apart, x1, y1);
        hide();
    });
    for (const kind of ["pointerup", "pointercancel"]) {
        canvas.addEventListener(kind, (event) => {
            if (!held.delete(event.pointerId) || moved || kind === "pointercancel") return;
            const thing = under(...inside(event), view);
            if (thing >= 0) open(thing);
        });
    }
    canvas.addEventListener("pointerleave", hide);
    canvas.addEventListener("wheel", (event) => {
        event.preventDefault();
        hide();
        zoom(Math.exp(-event.deltaY / 300), ...inside(event));
    }, { passive: false });
    canvas.addEventListener("keydown", (event) => {
        const own = box();
        const way = { ArrowLeft: [STEP, 0], ArrowRight: [-STEP, 0], ArrowUp: [0, STEP], ArrowDown: [0, -STEP] }[event.key];
        if (way) look(view.scale, view.left + way[0], view.top + way[1]);
        else if (event.key === "+" || event.key === "=") zoom(1.4, own.width / 2, own.height / 2);
        else if (event.key === "-") zoom(1 / 1.4, own.width / 2, own.height / 2);
        else if (event.key === "0") start();
        else return;
        hide();
        event.preventDefault();
    });
    for (const button of document.querySelectorAll("[data-zoom]")) {
        button.addEventListener("click", () => { const own = box(); zoom(Number(button.dataset.zoom), own.width / 2, own.height / 2); });
    }
    // Another size shows as much, around the same middle.
    let size = null;
    new ResizeObserver(() => {
        const own = box();
        if (size && size.width && own.width) {
            const factor = Math.min(own.width, own.height) / Math.min(size.width, size.height);
            look(view.scale * factor, own.width / 2 - (size.width / 2 - view.left) * factor, own.height / 2 - (size.height / 2 - view.top) * factor);
        }
        size = { width: own.width, height: own.height };
        redraw();
    }).observe(canvas);
    return { view, look, fit, redraw, box };
}

// Which of these points is nearest to a pixel, no farther than so many; −1 for none.
function nearest(points, x, y, view, far) {
    let best = -1, least = far * far;
    for (let place = 0; place < points.x.length; place += 1) {
        const dx = view.left + points.x[place] * view.scale - x, dy = view.top + points.y[place] * view.scale - y;
        const distance = dx * dx + dy * dy;
        if (distance < least) { least = distance; best = place; }
    }
    return best;
}

Object.assign(window.rollcall, { plane, nearest });
