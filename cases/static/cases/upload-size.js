// The catalogue: a file that is too large is named beside its field before anything is sent.
// The server refuses it all the same, but there the rest of the form would be lost.

function isTooLarge(input) {
  const limit = Number(input.dataset.maxBytes);
  return [...input.files].some((file) => file.size > limit);
}

function tell(input) {
  const wrong = isTooLarge(input);
  let line = input.parentElement.querySelector(".too-large");
  if (wrong && !line) {
    line = document.createElement("p");
    line.className = "too-large warn-text";
    line.id = `${input.id}-too-large`;
    line.setAttribute("role", "alert");
    line.textContent = input.dataset.tooLarge;
    input.after(line);
    input.setAttribute("aria-describedby", line.id);
  }
  if (!wrong) {
    line?.remove();
    input.removeAttribute("aria-describedby");
  }
  input.toggleAttribute("aria-invalid", wrong);
  return wrong;
}

// On the document: rows that are added later are covered as well.
document.addEventListener("change", (event) => {
  if (event.target.matches("input[data-max-bytes]")) tell(event.target);
});
document.addEventListener("submit", (event) => {
  const wrong = [...event.target.querySelectorAll("input[data-max-bytes]")].filter(tell);
  if (!wrong.length) return;
  event.preventDefault();
  wrong[0].focus();
});
