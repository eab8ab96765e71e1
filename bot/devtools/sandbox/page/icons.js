// Icons, drawn here so that they look the same everywhere. Screen readers ignore them.

const PATHS = {
  home: "M3 9.2 10 3.5l7 5.7V17h-5v-4.5H8V17H3z",
  messages: "M3 4.5h14v9.5H9.5L6 17v-3H3z",
  channel: "M7.5 3 6 17M14 3l-1.5 14M3.5 7.5H17M3 12.5h13.5",
  private: "M5 9h10v8H5zM7 9V6.5a3 3 0 0 1 6 0V9",
  window: "M3 6.5h10.5V17H3zM6.5 6.5V3H17v10.5h-3.5",
  warning: "M10 3 18 17H2zM10 8v4.2M10 14.4v.4",
  eye: "M2.5 10S5.5 5 10 5s7.5 5 7.5 5-3 5-7.5 5-7.5-5-7.5-5zM10 8a2 2 0 1 0 0 4 2 2 0 0 0 0-4",
  mail: "M3 5h14v10H3zM3.5 5.5 10 11l6.5-5.5",
  back: "M12 4l-6 6 6 6",
  more: "M4.5 10h.01M10 10h.01M15.5 10h.01",
  close: "M4.5 4.5l11 11M15.5 4.5l-11 11",
};
const SVG = "http://www.w3.org/2000/svg";

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}
