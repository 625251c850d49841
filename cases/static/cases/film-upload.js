// One film in one request, some at a time. All texts come from the form's data-text-*.

const AT_ONCE = 3;
const PICTURES = [
  "image/jpeg",
  "image/png",
  "image/webp",
  "image/heic",
  "image/heif",
  "application/dicom",
];

// Why a film need not even be sent; null when the server is to judge.
export function plainRefusal(form, file) {
  if (file.size > Number(form.dataset.maxBytes)) return form.dataset.textTooLarge;
  if (file.type && !PICTURES.includes(file.type)) return form.dataset.textNotAnImage;
  return null;
}

// Why a request was refused, in our words: what a proxy answers is no sentence for people.
export function reason(form, { url, status, detail }, tooLarge = form.dataset.textTooLarge) {
  // The login page comes in the place of an answer.
  if (url.includes("/login/")) return form.dataset.textSession;
  const fallback = {
    0: form.dataset.textUnreachable,
    403: form.dataset.textForbidden,
    413: tooLarge,
  };
  return detail ?? fallback[status] ?? form.dataset.textFailed;
}

function refusal(form, { responseURL: url, status, response }) {
  return reason(form, { url, status, detail: response?.detail });
}

function body(form, file) {
  const data = new FormData();
  for (const [name, value] of new FormData(form)) {
    if (!(value instanceof File)) data.append(name, value);
  }
  data.append("file", file, file.name);
  return data;
}

// Resolves to {added: {...}} or {refused: "why"}; never rejects.
export function send(form, url, file, progress) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open("POST", url);
    request.responseType = "json";
    request.setRequestHeader("Accept", "application/json");
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) progress(event.loaded / event.total);
    });
    request.addEventListener("loadend", () => {
      const added = request.status === 201 && request.response;
      resolve(added ? { added } : { refused: refusal(form, request) });
    });
    request.send(body(form, file));
  });
}

// Runs `work` for each row, never more than AT_ONCE at the same time.
export async function some(rows, work) {
  const left = [...rows];
  const runner = async () => {
    while (left.length) await work(left.shift());
  };
  await Promise.all(Array.from({ length: AT_ONCE }, runner));
}
