// Helpers for the document. All modules write data as text, never as markup.

export const byId = (id) => document.getElementById(id);

export const formatTime = (ms) => new Date(ms).toLocaleTimeString([], { hour12: false });

// whileBusy runs work and ignores further clicks on the button until it ends.
// It does not disable the button because a disabled button loses the keyboard
// focus.
export async function whileBusy(button, work) {
  if (button.ariaDisabled === "true") return;
  button.ariaDisabled = "true";
  try {
    await work();
  } finally {
    button.ariaDisabled = "false";
  }
}

export function onClick(id, work) {
  byId(id)?.addEventListener("click", (event) => whileBusy(event.currentTarget, work));
}
