// The case page: puts its parts to work. Everything here is an extra; the page works without it.

import { prepareDecision } from "./decide.js";
import { prepareFixtures } from "./fixtures.js";
import { prepareKeys } from "./keys.js";
import { prepareMarking } from "./marking.js";
import { showScripted } from "./pieces.js";
import { prepareSearch } from "./search.js";
import { prepareSeen } from "./seen.js";
import { prepareUndo } from "./undo.js";

showScripted(document);

prepareUndo();
if (document.querySelector("[data-desk]")) prepareFixtures();
const form = document.getElementById("decision");
if (form) {
  prepareSearch(form);
  prepareSeen(form);
  prepareMarking(form);
  prepareDecision(form);
}
prepareKeys();
