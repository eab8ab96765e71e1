// Start here. The address has the person (?as=ada) and, after the #, the place (#/home, #/general).

import { advise } from "./advice.js";
import { act, get } from "./api.js";
import { Composer } from "./composer.js";
import { h, replace, speak } from "./dom.js";
import { follow, skipping } from "./follow.js";
import { showHome } from "./home.js";
import { showMessages } from "./messages.js";
import { Modal } from "./modal.js";
import { panels } from "./panels.js";
import { chooser, mailbox, showSidebar } from "./sidebar.js";
import { Story } from "./story.js";
import { Switches } from "./switches.js";
import { Troubles } from "./troubles.js";

const at = (id) => document.getElementById(id);
const me = new URLSearchParams(location.search).get("as");
const state = { users: new Map(), outsiders: [], channels: new Map(), person: null, place: null };
const troubles = new Troubles();
const story = new Story(at("story"));
const switches = new Switches({ node: at("switches"), banner: at("banner"), failed: speak });
const showPanels = panels();

const context = () => ({ users: state.users, channels: state.channels, zone: state.person.user.tz, person: state.person.user.id });
const modal = new Modal(me, context);
const composer = new Composer({
  me,
  place: () => state.place.id,
  acted: (where) => troubles.acted(where),
  offered: async () => (await get("/completions")).completions,
  sent: () => scrollDown(true),
});

// -- places ---------------------------------------------------------------------------------------------------------

function placeOf(hash) {
  const name = decodeURIComponent(hash.replace(/^#\//, ""));
  const all = state.person.conversations;
  if (name === "home") return { kind: "home", title: "Home" };
  return all.find((channel) => channel.kind !== "im" && channel.name === name) || { ...all[0], title: appName() };
}

const appName = () => [...state.users.values()].find((user) => user.is_bot && user.id !== "USLACKBOT")?.real_name || "App";

const readKey = (id) => `read ${me} ${id}`;

function sidebar() {
  const now = state.place;
  const item = (channel, title, hash, sign) => ({
    title, hash, sign,
    unread: channel.latest !== null && channel.id !== now.id && channel.latest > (localStorage.getItem(readKey(channel.id)) || ""),
    now: channel.id === now.id,
  });
  const [dm, ...channels] = state.person.conversations;
  showSidebar(at("sidebar"), {
    users: state.users,
    outsiders: state.outsiders,
    me: state.person.user,
    app: [
      { title: "Home", hash: "#/home", sign: "home", unread: false, now: now.kind === "home" },
      item(dm, "Messages", "#/app", "messages"),
      { title: "Mailbox", hash: mailbox(state.person.user), sign: "mail", unread: false, now: false },
    ],
    channels: channels.map((channel) => item(channel, channel.name, `#/${encodeURIComponent(channel.name)}`, channel.kind)),
  });
}

// -- the conversation -----------------------------------------------------------------------------------------------

const list = h("ol", { class: "messages" });
const none = h("div", { class: "nothing", "data-empty": "Nothing here yet.", hidden: true });
const log = h("div", { class: "log", role: "log", tabindex: 0 }, none, list);
const title = h("h1", { class: "place-title" });
const subtitle = h("p", { class: "place-told" });
let built = null;
let bottom = true;
log.addEventListener("scroll", () => (bottom = log.scrollTop + log.clientHeight >= log.scrollHeight - 40));
// Notices and keyboards that open below it must not hide the message that is being read.
new ResizeObserver(() => scrollDown(bottom)).observe(log);

function build(kind) {
  if (built === kind) return;
  built = kind;
  const head = h("div", { class: "place-head" }, title, subtitle);
  if (kind === "home") replace(at("main"), head, h("div", { class: "home", id: "home" }));
  else replace(at("main"), head, log, composer.node);
}

function scrollDown(anyway) {
  if (anyway) log.scrollTop = log.scrollHeight;
}

async function showPlace() {
  const { place, person } = state;
  build(place.kind === "home" ? "home" : "log");
  if (place.kind === "home") {
    title.textContent = `${appName()}: Home`;
    subtitle.textContent = "What the app shows to you alone.";
    showHome(at("home"), person.home, { me, context: context(), troubles });
    return;
  }
  const { messages } = await get(`/people/${me}/messages?channel=${place.id}`);
  if (place !== state.place) return;
  title.textContent = place.kind === "im" ? place.title : `${place.kind === "private" ? "Private: " : "#"}${place.name}`;
  subtitle.textContent = place.kind === "im" ? "Your messages with the app." : place.has_app ? "The app is in this channel." : "The app is not in this channel.";
  log.setAttribute("aria-label", `Messages in ${title.textContent}`);
  const low = bottom || log.dataset.place !== place.id;
  log.dataset.place = place.id;
  const acted = (where) => troubles.acted(where);
  const reply = place.kind === "im" ? null : (message) => composer.reply(message);
  showMessages(list, messages, { context: context(), me, troubles: troubles.ofMessages(), acted, failed, reply, shortcuts: state.person.message_shortcuts });
  // The list takes the full height even when it is empty, and would push the sentence out of view.
  list.hidden = !messages.length;
  none.hidden = messages.length > 0;
  if (!none.hidden) await nothing(place);
  composer.show(place, troubles.ofCommands());
  scrollDown(low);
  if (messages.length && !document.hidden) localStorage.setItem(readKey(place.id), messages.at(-1).ts);
}

function nothing(place) {
  const begin = "To start something, type / below and choose a command.";
  const isDm = place.kind === "im";
  const otherwise = isDm ? `What the app asks you appears here by itself. ${begin}` : begin;
  return advise(none, { who: isDm ? me : null, otherwise, type: (line) => composer.put(line) });
}

function failed(sentence) {
  composer.failed(sentence);
}

// -- bringing up to date --------------------------------------------------------------------------------------------

async function show() {
  if (!state.users.size) {
    const { users, outsiders } = await get("/users");
    state.outsiders = outsiders;
    state.users = new Map(users.map((user) => [user.id, user]));
  }
  if (!me || ![...state.users.values()].some((user) => user.name === me)) {
    document.body.classList.add("choosing");
    if (built !== "chooser") replace(at("main"), await chooser(state.users, state.outsiders));
    built = "chooser";
    await switches.refresh();
    return;
  }
  state.person = await get(`/people/${encodeURIComponent(me)}`);
  state.channels = new Map(state.person.conversations.map((channel) => [channel.id, channel]));
  troubles.know(state.person.troubles);
  const wanted = placeOf(location.hash);
  if (!state.place || state.place.id !== wanted.id || state.place.kind !== wanted.kind) await go(wanted);
  else state.place = wanted;
  document.title = `${state.place.title || `#${state.place.name}`} – ${state.person.user.real_name} – Signoff sandbox`;
  await showPlace();
  sidebar();
  const front = state.person.modal;
  modal.show(front, state.person.stack.length, front && troubles.ofView(front.id));
  await switches.refresh();
  showPanels.story(await story.refresh(state.person.user.tz));
}

async function go(place) {
  state.place = place;
  if (place.kind === "home") await act(me, "home");
}

const refresh = follow({ show, switches });
skipping(at("main"));
addEventListener("hashchange", () => {
  showPanels.close();
  refresh();
});
// The app also does work that Slack does not see.
setInterval(() => !document.hidden && me && refresh(), 2000);
