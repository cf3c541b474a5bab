// The main page: it connects the modules.

import { byId } from "./dom.js";
import { startControls } from "./controls.js";
import { onHistory, startHistory } from "./history.js";
import { onSession, startSession } from "./session.js";
import { resetSignIn, startSignIn } from "./signin.js";
import { showStory, showTotals } from "./story.js";
import { Timeline } from "./timeline.js";

const isDemo = document.body.dataset.demo === "true";
const timeline = new Timeline(byId("line"), isDemo);

onSession((session, previous) => {
  if (session && session.expiresAt > Date.now()) timeline.addLifetime(session);
  else timeline.endLifetime(Date.now());
  if (previous && !session) showSignIn();
});
onHistory((history) => timeline.addRecords(history.records));
onHistory(showStory);
onHistory(showTotals);

// showSignIn moves the keyboard focus into the form, unless the user is busy
// in another part of the page.
function showSignIn() {
  const inStage = byId("stage").contains(document.activeElement);
  resetSignIn();
  if (inStage || document.activeElement === document.body) byId("email").focus();
}

startSignIn();
if (isDemo) startControls();
startSession();
startHistory();
