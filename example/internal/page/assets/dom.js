// Short names for what all modules do with the document. Data enters it as
// text, never as mark-up.

export const byId = (id) => document.getElementById(id);

export const clock = (ms) => new Date(ms).toLocaleTimeString([], { hour12: false });

// during keeps a button from being pressed twice. It is not disabled, since
// that would take the keyboard's focus from it.
export async function during(button, work) {
  if (button.ariaDisabled === "true") return;
  button.ariaDisabled = "true";
  try {
    await work();
  } finally {
    button.ariaDisabled = "false";
  }
}

export function onClick(id, work) {
  byId(id)?.addEventListener("click", (event) => during(event.currentTarget, work));
}
