// Draws the figures of a report: light or dark like the page, readable on paper, quiet on phones.
(() => {
  const read = (id) => document.getElementById(id).textContent;
  const darker = JSON.parse(read("dark-colours"));
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const coarse = matchMedia("(pointer: coarse)").matches;
  const plots = [...document.querySelectorAll(".plot")];

  const coloured = (text, inDark) =>
    inDark ? Object.entries(darker).reduce((t, [from, to]) => t.replaceAll(from, to), text) : text;

  // Numbers beside the peaks only where they do not run into each other.
  const thin = (figure, width) => {
    const [from, to] = figure.layout.xaxis.range;
    const pixels = (width - figure.layout.margin.l - figure.layout.margin.r) / (to - from);
    const labelled = figure.data.filter((trace) => trace.mode === "markers+text");
    const labels = labelled.flatMap((trace) => trace.x.map((x, i) => ({ x, trace, i })));
    let last = -Infinity;
    let kept = 0;
    for (const { x, trace, i } of labels.sort((a, b) => a.x - b.x)) {
      if ((x - last) * pixels < 18) trace.text[i] = "";
      else {
        last = x;
        kept += 1;
      }
    }
    // A number here and there is worse than none.
    if (kept < labels.length / 2) labelled.forEach((trace) => (trace.mode = "markers"));
  };

  const draw = (inDark, onPaper = false) =>
    Promise.all(
      plots.map((plot) => {
        const figure = JSON.parse(coloured(read(plot.dataset.figure), inDark));
        // A finger scrolls the page; a mouse zooms.
        figure.layout.dragmode = coarse ? false : "zoom";
        // While a page is laid out for paper its width cannot be measured yet: A4 within margins.
        const paper = plot.classList.contains("tall") ? [650, 300] : [296, 220];
        if (onPaper) [figure.layout.width, figure.layout.height] = paper;
        else figure.layout.autosize = true;
        thin(figure, onPaper ? paper[0] : plot.clientWidth);
        return Plotly.react(plot, figure.data, figure.layout, {
          responsive: true,
          displaylogo: false,
          displayModeBar: false,
        });
      }),
    );

  let drawn = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth === drawn) return;
    drawn = innerWidth;
    draw(dark.matches);
  });
  dark.addEventListener("change", () => draw(dark.matches));
  addEventListener("beforeprint", () => draw(false, true));
  addEventListener("afterprint", () => draw(dark.matches));
  draw(dark.matches);
})();
