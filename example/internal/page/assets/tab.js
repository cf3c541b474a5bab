// The second tab: a page that shows only the session.

import { startHistory } from "./history.js";
import { startSession } from "./session.js";

// In the frame of the main page, the frame is as high as its content.
const frame = window.frameElement;
if (frame) {
  const fitHeight = () => (frame.style.height = `${document.documentElement.offsetHeight + 2}px`);
  new ResizeObserver(fitHeight).observe(document.body);
}

startSession();
startHistory();
