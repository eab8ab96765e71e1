// Keeps a page up to date: it is fetched again after every change.

import { Gone, listen } from "./api.js";
import { speak } from "./dom.js";

/**
 * Call `show`, which fetches and shows the state, now and after every change. Returns a function that calls it at once; a call
 * while it runs makes it run once more. `switches` show that the sandbox does not answer.
 */
export function follow({ show, switches }) {
  let busy = false;
  let again = false;
  let answered = true;

  function showReachable(answers) {
    if (answers !== answered) {
      answered = answers;
      document.body.classList.toggle("gone", !answers);
      speak(answers ? "The sandbox answers again." : "");
    }
    if (!answers) switches.say("The sandbox is gone. This page goes on when it is back.");
  }

  async function refresh() {
    again = true;
    if (busy) return;
    busy = true;
    try {
      while (again) {
        again = false;
        await show();
        showReachable(true);
      }
    } catch (error) {
      if (error instanceof Gone) showReachable(false);
      else speak(error.message);
    } finally {
      busy = false;
    }
  }

  listen({ changed: refresh, reachable: showReachable });
  return refresh;
}

/** The link that skips to the main part; a script, because the part after the # has another use. */
export function skipping(main) {
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault();
    main.focus();
  });
}
