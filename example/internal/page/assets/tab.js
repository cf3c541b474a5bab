// The second tab: a page of its own, with nothing but the session.

import { startHistory } from "./history.js";
import { startSession } from "./session.js";

// The frame around it is as high as what is in it.
const frame = window.frameElement;
if (frame) {
  const fit = () => (frame.style.height = `${document.documentElement.offsetHeight + 2}px`);
  new ResizeObserver(fit).observe(document.body);
}

startSession();
startHistory();
