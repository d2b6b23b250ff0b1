// A photo's boxes and names, and a video's time line: a click jumps to where somebody is seen.

const film = document.querySelector("[data-film]");
if (film) {
    const video = film.querySelector("video"), length = Number(film.dataset.length) || 1;
    const jump = (seconds) => {
        video.currentTime = Math.max(0, seconds);
        video.play().catch(() => {});
    };
    for (const run of film.querySelectorAll("[data-at]")) {
        const go = () => jump(Number(run.dataset.at));
        run.addEventListener("click", go);
        run.addEventListener("keydown", (event) => {
            if (event.key === "Enter" || event.key === " ") { event.preventDefault(); go(); }
        });
    }
    video.addEventListener("timeupdate", () => {
        const x = String(1000 * video.currentTime / length);
        for (const line of film.querySelectorAll("[data-now]")) { line.setAttribute("x1", x); line.setAttribute("x2", x); }
    });
    video.addEventListener("error", () => { film.querySelector("[data-film-problem]").hidden = false; });
    const begin = () => {
        const start = /^#t=([\d.]+)$/.exec(location.hash);
        if (!start) return;
        const go = () => { video.currentTime = Number(start[1]); };
        if (video.readyState >= 1) go();
        else video.addEventListener("loadedmetadata", go, { once: true });
    };
    begin();
    window.addEventListener("hashchange", begin);
}

const photo = document.querySelector("[data-photo]");
if (photo) {
    const boxes = photo.querySelector("[data-boxes]");
    photo.querySelector("[data-toggle-boxes]")?.addEventListener("change", (event) => boxes?.toggleAttribute("hidden", !event.target.checked));
    // Names under the boxes, in letters of the same size whatever the picture's.
    const draw = () => {
        if (!boxes) return;
        for (const it of boxes.querySelectorAll("text")) it.remove();
        const scale = boxes.viewBox.baseVal.width / (boxes.getBoundingClientRect().width || 1);
        for (const link of boxes.querySelectorAll("a")) {
            const box = link.querySelector("rect"), label = link.getAttribute("aria-label");
            if (label === "nobody known") continue;
            const text = document.createElementNS("http://www.w3.org/2000/svg", "text");
            text.setAttribute("class", "rc-label");
            text.setAttribute("transform", `translate(${box.x.baseVal.value} ${box.y.baseVal.value + box.height.baseVal.value + 14 * scale}) scale(${scale})`);
            text.textContent = label.length > 30 ? `${label.slice(0, 29)}…` : label;
            link.append(text);
        }
    };
    draw();
    new ResizeObserver(draw).observe(photo);
    photo.querySelector("img").addEventListener("load", draw);
}

document.querySelector('[data-action="retry"]')?.addEventListener("click", async (event) => {
    const { send, toast } = window.rollcall;
    try {
        await send("POST", "/api/jobs/retry", { jobs: event.target.dataset.jobs.split(" ").map(Number) });
        event.target.disabled = true;
        toast("It is tried again.");
    } catch (error) {
        toast(error.message, { alarm: true });
    }
});

document.addEventListener("keydown", (event) => {
    if (event.target.matches("input, textarea, select, video, [role=button]") || event.ctrlKey || event.metaKey || event.altKey) return;
    const way = { ArrowLeft: "prev", ArrowRight: "next" }[event.key];
    const link = way && document.querySelector(`.rc-pager a[rel="${way}"]`);
    if (link) location.assign(link.href);
});
