import { start } from "./main.js";
start(document.getElementById("cockpit"));
