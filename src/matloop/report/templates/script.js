"use strict";
(function () {
  const root = document.documentElement;
  const colours = JSON.parse(document.getElementById("colours").textContent);
  const systemDark = window.matchMedia("(prefers-color-scheme: dark)");
  const FONT = "ui-sans-serif, system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'Liberation Sans', sans-serif";
  let printing = false;

  function theme() {
    return printing ? "light" : root.dataset.theme || (systemDark.matches ? "dark" : "light");
  }

  // "@blue/40" -> the blue of the theme in use at 40 % opacity; only values under a key that names a colour are read so
  function colour(value) {
    if (Array.isArray(value)) return value.map(colour);
    if (typeof value !== "string" || value[0] !== "@") return value;
    const [name, opacity] = value.slice(1).split("/");
    const hex = colours[theme()][name];
    return opacity === undefined ? hex : hex + Math.round(2.55 * Number(opacity)).toString(16).padStart(2, "0");
  }

  function coloured(value, key) {
    if (/colou?r/i.test(key || "")) return colour(value);
    if (Array.isArray(value)) return value.length && typeof value[0] === "object" ? value.map((v) => coloured(v)) : value.slice();
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, coloured(v, k)]));
  }

  function wrapped(text, limit) {
    return text.split(" ").reduce((lines, word) => {
      const last = lines[lines.length - 1];
      if (last && (last + " " + word).length <= limit) lines[lines.length - 1] = last + " " + word;
      else lines.push(word);
      return lines;
    }, []).join("<br>");
  }

  function cut(text, limit) {
    return text.length <= limit || text.includes("&") ? text : text.slice(0, limit - 1).trimEnd() + "…";
  }

  function styledAxis(axis, narrow, room, box) {
    const look = {
      gridcolor: "@grid", linecolor: "@line", zerolinecolor: "@line", zeroline: false, automargin: true, tickcolor: "@line",
      tickfont: { size: narrow ? 11 : 12, color: "@muted" }, ticks: "outside", ticklen: 4, fixedrange: narrow, exponentformat: "power",
    };
    const title = axis && axis.title ? { ...axis.title, text: wrapped(axis.title.text, room), font: { size: narrow ? 11.5 : 12.5, color: "@ink" }, standoff: 8 } : undefined;
    const labels = narrow && axis && axis.ticktext ? { ticktext: axis.ticktext.map((text) => cut(text, box.clientWidth < 400 ? 20 : 30)) } : {};
    return { ...look, ...axis, ...labels, title };
  }

  function layout(given, narrow, box, named) {
    const result = {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", autosize: true, dragmode: narrow ? false : "zoom",
      margin: { l: narrow ? 44 : 56, r: 14, t: named ? 30 : 12, b: 46 }, font: { family: FONT, size: 12.5, color: "@ink" }, hovermode: "closest",
      legend: { orientation: "h", x: 0, xanchor: "left", y: 1.01, yanchor: "bottom", font: { size: 12, color: "@muted" }, itemsizing: "constant" },
      hoverlabel: { bgcolor: "@card", bordercolor: "@line", font: { family: FONT, size: 12.5, color: "@ink" }, align: "left" },
      bargap: 0.08, showlegend: named, separators: ".,", ...given,
    };
    for (const name of Object.keys(result)) if (/^[xy]axis\d*$/.test(name)) {
      const side = name[0] === "x" ? box.clientWidth * (given.yaxis && given.yaxis.ticktext ? 0.6 : 0.85) : parseFloat(box.style.height) * 0.8;
      result[name] = styledAxis(result[name], narrow, Math.max(12, Math.floor(side / 6.6)), box);
    }
    return coloured(result);
  }

  function draw(figure) {
    const box = figure.querySelector(".plot");
    const choice = figure.variants[figure.chosen];
    const narrow = box.clientWidth < 460 || window.matchMedia("(pointer: coarse)").matches;
    const config = {
      displaylogo: false, responsive: !printing, displayModeBar: narrow || printing ? false : "hover", doubleClickDelay: 400,
      modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d", "hoverClosestCartesian", "hoverCompareCartesian", "toggleSpikelines"],
      toImageButtonOptions: { format: "svg", filename: figure.id }, showTips: false, showSendToCloud: false,
    };
    const shown = layout(choice.layout, narrow, box, choice.data.some((trace) => trace.name && trace.showlegend !== false));
    shown.width = box.clientWidth;
    shown.height = parseFloat(box.style.height);
    window.Plotly.react(box, coloured(choice.data), shown, config);
    box.setAttribute("aria-label", choice.alt);
    figure.querySelector("figcaption").textContent = choice.caption;
    figure.drawn = theme();
  }

  function choices(figure) {
    if (figure.variants.length < 2) return;
    const row = document.createElement("div");
    row.className = "choice";
    row.setAttribute("role", "group");
    row.setAttribute("aria-label", "Shown in this figure");
    figure.variants.forEach((variant, place) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = variant.label;
      button.setAttribute("aria-pressed", String(place === 0));
      button.addEventListener("click", () => {
        figure.chosen = place;
        row.querySelectorAll("button").forEach((other) => other.setAttribute("aria-pressed", String(other === button)));
        draw(figure);
      });
      row.append(button);
    });
    figure.querySelector("h4").after(row);
  }

  const figures = [...document.querySelectorAll("figure.fig")].filter((figure) => figure.querySelector(".plot"));
  figures.forEach((figure) => {
    figure.variants = JSON.parse(figure.querySelector("script").textContent);
    figure.chosen = 0;
    choices(figure);
  });

  const inView = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      entry.target.visible = entry.isIntersecting;
      if (entry.isIntersecting && entry.target.drawn !== theme()) draw(entry.target);
    }
  }, { rootMargin: "500px 0px" });
  figures.forEach((figure) => inView.observe(figure));

  // those out of view are drawn when nothing else is to be done, so that a whole page can be saved or pictured
  const idle = window.requestIdleCallback || ((work) => setTimeout(work, 30));
  function drawNext() {
    const figure = figures.find((one) => !one.drawn && one.querySelector(".plot").clientWidth > 0);
    if (!figure) return;
    draw(figure);
    idle(drawNext);
  }
  idle(drawNext);

  function recolour() {
    figures.forEach((figure) => { if (figure.drawn && figure.visible) draw(figure); });
  }

  // what was chosen with the button is kept for the other pages of this folder where the browser allows it
  const button = document.getElementById("theme");
  function named() { button.textContent = theme() === "dark" ? "Light" : "Dark"; }
  function stored(value) {
    try { return value === undefined ? localStorage.getItem("matloop-theme") : localStorage.setItem("matloop-theme", value); } catch (refused) { return null; }
  }
  if (["light", "dark"].includes(stored())) root.dataset.theme = stored();
  button.hidden = false;
  named();
  button.addEventListener("click", () => {
    root.dataset.theme = theme() === "dark" ? "light" : "dark";
    stored(root.dataset.theme);
    named();
    recolour();
  });
  systemDark.addEventListener("change", () => { named(); recolour(); });

  let width = window.innerWidth;
  window.addEventListener("resize", () => {
    if (window.innerWidth === width || printing) return;
    width = window.innerWidth;
    figures.forEach((figure) => { if (figure.drawn) { figure.drawn = null; if (figure.visible) draw(figure); } });
  });

  window.addEventListener("beforeprint", () => {
    printing = true;
    root.classList.add("printing");
    figures.forEach(draw);
  });
  window.addEventListener("afterprint", () => {
    printing = false;
    root.classList.remove("printing");
    figures.forEach((figure) => { figure.drawn = null; if (figure.visible) draw(figure); });
  });

  const tip = document.getElementById("tip");
  function showTip(event) {
    const cell = event.target.closest ? event.target.closest("[data-tip]") : null;
    tip.hidden = !cell;
    if (!cell) return;
    tip.textContent = cell.dataset.tip;
    const place = cell.getBoundingClientRect();
    tip.style.left = Math.max(8, Math.min(place.left + place.width / 2 - tip.offsetWidth / 2, window.innerWidth - tip.offsetWidth - 8)) + "px";
    tip.style.top = (place.top > 60 ? place.top - tip.offsetHeight - 6 : place.bottom + 6) + "px";
  }
  document.addEventListener("pointerover", showTip);
  document.addEventListener("scroll", () => { tip.hidden = true; }, { passive: true });

  document.querySelectorAll(".copy").forEach((copy) => {
    if (!navigator.clipboard) return;
    copy.hidden = false;
    copy.addEventListener("click", async () => {
      await navigator.clipboard.writeText(copy.parentElement.querySelector("code").textContent.trim());
      copy.textContent = "Copied";
      setTimeout(() => { copy.textContent = "Copy"; }, 1600);
    });
  });

  const links = new Map([...document.querySelectorAll("nav a")].map((link) => [link.hash.slice(1), link]));
  const reader = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting || !links.has(entry.target.id)) continue;
      links.forEach((link) => link.classList.remove("here"));
      const link = links.get(entry.target.id);
      link.classList.add("here");
      const row = link.closest("nav");
      if (row.scrollWidth > row.clientWidth) row.scrollLeft = link.offsetLeft - row.clientWidth / 2 + link.offsetWidth / 2;
    }
  }, { rootMargin: "-15% 0px -75% 0px" });
  document.querySelectorAll("main section[id]").forEach((section) => reader.observe(section));
})();
