// Charts: uPlot in the page's own colours, redrawn when the theme or the width changes.

const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// light-dark() is only resolved where it is used as a colour, so a probe element reads it.
function colour(name) {
  const probe = document.createElement("i");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

function timeOfDay(unixSeconds, withSeconds) {
  const parts = { hour: "2-digit", minute: "2-digit", hour12: false, ...(withSeconds && { second: "2-digit" }) };
  return new Date(unixSeconds * 1000).toLocaleTimeString([], parts);
}

function axes(format) {
  const common = {
    stroke: colour("--quiet"),
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { show: false },
    font: `11px ${style("--sans")}`,
  };
  const clock = (_plot, splits) => splits.map((at) => timeOfDay(at, splits[1] - splits[0] < 60));
  return [
    { ...common, grid: { show: false }, space: 72, size: 28, values: clock },
    { ...common, size: 52, space: 32, values: (_plot, splits) => splits.map(format) },
  ];
}

// Zero stays at the foot, and a chart of zeros keeps a scale.
const fromZero = (_plot, _low, high) => [0, Math.max(high * 1.1, 4)];

// An hour's bar stands behind its start, so the last one needs room.
const withLastHour = (_plot, low, high) => [low, high + 3600];

const line = ({ label, colour: name }) => ({ label, stroke: colour(name), width: 2, points: { show: false } });

const bars = ({ label, colour: name }) => ({
  label,
  fill: colour(name),
  paths: uPlot.paths.bars({ size: [0.72, 28], radius: 0.12, align: 1 }),
  points: { show: false },
});

export class Chart {
  // series: [{label, colour: CSS variable}]; kind: "line" or "bars"; format: value -> text.
  constructor(host, series, { kind = "line", format = String } = {}) {
    Object.assign(this, { host, series, kind, format, data: [[], ...series.map(() => [])], told: [] });
    this.draw();
    new ResizeObserver(() => this.resize()).observe(host);
    document.addEventListener("pulse:theme", () => this.draw());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  size() {
    return { width: Math.max(this.host.clientWidth, 120), height: 170 };
  }

  draw() {
    this.plot?.destroy();
    const make = this.kind === "bars" ? bars : line;
    const value = (_plot, _drawn, at, index) => {
      const told = this.told[at]?.at(index ?? -1); // where nothing is pointed at: the newest
      return told == null ? "–" : this.format(told);
    };
    this.plot = new uPlot(
      {
        ...this.size(),
        padding: [12, 18, 0, 0],
        cursor: { y: false, points: { size: 6 } },
        legend: { live: true },
        scales: { x: { time: true, range: this.kind === "bars" ? withLastHour : undefined }, y: { range: fromZero } },
        series: [{ label: "at" }, ...this.series.map((each) => ({ ...make(each), value }))],
        axes: axes(this.format),
      },
      this.data,
      this.host,
    );
  }

  resize() {
    if (this.host.clientWidth !== this.plot.width) this.plot.setSize(this.size());
  }

  // data: [times, ...a column for each series]; told: the figures to name where they are not those drawn.
  show(data, told = data) {
    Object.assign(this, { data, told });
    this.plot.setData(data);
  }
}
