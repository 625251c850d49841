// The list of cases after a decision: how long it can still be undone, and the key for it.

import { prepareKeys } from "./keys.js";
import { prepareUndo } from "./undo.js";

prepareUndo();
prepareKeys();
