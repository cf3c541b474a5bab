// The page: what starts, and what follows from what.

import { byId } from "./dom.js";
import { startControls } from "./controls.js";
import { onHistory, startHistory } from "./history.js";
import { onSession, startSession } from "./session.js";
import { restart, startSignIn } from "./signin.js";
import { tell, total } from "./story.js";
import { Timeline } from "./timeline.js";

const isDemo = document.body.dataset.demo === "true";
const timeline = new Timeline(byId("line"), isDemo);

onSession((session, before) => {
  if (session && session.expiresAt > Date.now()) timeline.addLife(session);
  else timeline.endLife(Date.now());
  if (!before || session) return;
  const ours = byId("stage").contains(document.activeElement);
  restart();
  if (ours || document.activeElement === document.body) byId("email").focus();
});
onHistory((news) => timeline.add(news));
onHistory(tell);
onHistory(total);

startSignIn();
if (isDemo) startControls();
startSession();
startHistory();
