// In narrow windows, the sidebar and the story are panels that buttons open. Not every page has a story.

const at = (id) => document.getElementById(id);

export function panels() {
  const wide = { sidebar: matchMedia("(min-width: 760px)"), story: matchMedia("(min-width: 1120px)") };
  const open = { sidebar: false, story: false };
  const buttons = { sidebar: at("open-sidebar"), story: at("open-story") };
  const names = ["sidebar", "story"].filter((name) => at(name));
  let hasStory = false;

  function show() {
    for (const name of names) {
      const beside = wide[name].matches;
      const shown = (beside || open[name]) && (name === "sidebar" || hasStory);
      at(name).hidden = !shown;
      at(name).classList.toggle("over", shown && !beside);
      buttons[name].hidden = beside || (name === "story" && !hasStory);
      buttons[name].setAttribute("aria-expanded", String(open[name]));
    }
    const over = names.some((name) => open[name] && !wide[name].matches);
    at("main").inert = over;
  }

  function toggle(name, wanted, { focus = true } = {}) {
    const other = name === "sidebar" ? "story" : "sidebar";
    open[name] = wanted;
    open[other] = false;
    show();
    if (!focus) return;
    const target = wanted ? at(name).querySelector("a, button, [tabindex]") : buttons[name];
    target?.focus();
  }

  for (const name of names) {
    buttons[name].addEventListener("click", () => toggle(name, !open[name]));
    wide[name].addEventListener("change", () => {
      open[name] = false;
      show();
    });
    at(name).addEventListener("keydown", (event) => {
      if (event.key === "Escape" && open[name]) toggle(name, false);
    });
  }
  at("story")?.querySelector(".close-story").addEventListener("click", () => toggle("story", false));
  show();
  return {
    story: (available) => {
      if (hasStory === available) return;
      hasStory = available;
      document.body.classList.toggle("told", available);
      show();
    },
    close: () => {
      if (open.sidebar) toggle("sidebar", false, { focus: false });
    },
  };
}
